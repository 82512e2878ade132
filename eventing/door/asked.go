package door

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// asked tells a command from others: the key is by whom and under which id it
// was sent, the digest is of what it asks for.
type asked struct {
	key    registry.CommandKey
	digest string
	line   registry.Audit // without its outcome
}

func askedBy(ctx context.Context, e event.Event) asked {
	return asked{registry.CommandKey{Principal: identity.Of(ctx).ID, Source: e.Source(), ID: e.ID()}, digestOf(e), lineOf(ctx, e.Type(), e.Subject())}
}

// digestOf is a hash of a command's type, subject and data. JSON that says the
// same in another order or with other spaces has the same one.
func digestOf(e event.Event) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q ", e.Type(), e.Subject())
	h.Write(canonical(e.Data()))
	return hex.EncodeToString(h.Sum(nil))
}

// canonical is JSON with its members sorted; data that is none is as it came.
func canonical(data []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return data
	}
	sorted, err := json.Marshal(v)
	if err != nil {
		return data
	}
	return sorted
}

// answer is what the registry has for a command; event is nil where it was
// answered without one.
type answer struct {
	found bool
	event *event.Event
}

// answerTo looks up the answer that a command got before. Another command under
// its key is a conflict: neither may pass for the other.
func answerTo(tx *registry.Tx, a asked) (answer, error) {
	stored, found, err := tx.Command(a.key)
	if err != nil || !found {
		return answer{}, err
	}
	if stored.Digest != "" && stored.Digest != a.digest {
		return answer{}, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "id", Reason: "another command was sent under this id: its type, subject or data differ",
			Hint: "give each command an id, or an Idempotency-Key, of its own",
		}
	}
	if len(stored.Answer) == 0 || string(stored.Answer) == "null" {
		return answer{found: true}, nil
	}
	known := answer{found: true, event: new(event.Event)}
	if err := json.Unmarshal(stored.Answer, known.event); err != nil {
		return answer{}, fmt.Errorf("read the stored answer: %w", err)
	}
	return known, nil
}
