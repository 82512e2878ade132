package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Job is the ID of the process of one attempt of a training. It has no role:
// what it may do is report what becomes of that attempt.
func Job(result int64, attempt int) string { return fmt.Sprintf("job:%d/%d", result, attempt) }

// VerifyJob is the ID of the process of one attempt to verify a result.
func VerifyJob(result int64, attempt int) string {
	return fmt.Sprintf("verify:%d/%d", result, attempt)
}

// Step is the ID of a function that speaks to another one.
func Step(name string) string { return "step:" + name }

// Trigger is the ID of what delivers a topic's records: the name is that of the
// function or inference which they go to.
func Trigger(name string) string { return "trigger:" + name }

// Signer signs tokens for the parts of an installation, and is the Verifier of
// these tokens. Whoever has its key can be any of them; the key stays in the
// registry and in the functions.
type Signer struct{ key []byte }

// NewSigner signs by a key of 32 random bytes.
func NewSigner(key []byte) Signer { return Signer{key} }

// signed begins each token, so that others are told from them.
const signed = "kafkaml."

// Token is a bearer token for the part that id names, valid for life; where
// life is 0 for as long as what it names.
func (s Signer) Token(id string, life time.Duration) string {
	var until int64
	if life > 0 {
		until = time.Now().Add(life).Unix()
	}
	body := base64.RawURLEncoding.EncodeToString([]byte(id)) + "." + strconv.FormatInt(until, 10)
	return signed + body + "." + s.mac(body)
}

func (s Signer) mac(body string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(signed + body))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Verify implements Verifier.
func (s Signer) Verify(_ context.Context, bearer string) (Principal, error) {
	body, ok := strings.CutPrefix(bearer, signed)
	if !ok {
		return Principal{}, ErrUnknown
	}
	refuse := func(reason string) (Principal, error) {
		return Principal{}, &pipeline.Error{Op: "verify a token", Kind: pipeline.Unauthenticated, Reason: reason}
	}
	parts := strings.Split(body, ".")
	if len(parts) != 3 || len(s.key) == 0 || !hmac.Equal([]byte(s.mac(parts[0]+"."+parts[1])), []byte(parts[2])) {
		return refuse("the token was not signed by this installation")
	}
	id, err := base64.RawURLEncoding.DecodeString(parts[0])
	until, untilErr := strconv.ParseInt(parts[1], 10, 64)
	switch {
	case err != nil || untilErr != nil:
		return refuse("the token cannot be read")
	case until != 0 && time.Now().Unix() > until:
		return refuse("the token has expired")
	}
	return Principal{ID: string(id), Name: string(id)}, nil
}

// Be is nil where the principal of ctx is the one with this ID: what an error
// says it wants to do is his alone.
func Be(ctx context.Context, id, what string) error {
	switch p := Of(ctx); p.ID {
	case id:
		return nil
	case AnonymousID, "":
		return &pipeline.Error{
			Op: "authorize", Kind: pipeline.Unauthenticated, Reason: what + " is for " + id + " alone, and the request carries no token of it",
			Hint: "the part of kafkaml that is due sends it by itself",
		}
	default:
		return &pipeline.Error{Op: "authorize", Kind: pipeline.Forbidden, Reason: fmt.Sprintf("%s is for %s alone, not for %s", what, id, p.Name)}
	}
}
