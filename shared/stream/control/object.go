package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// object reads the members of a control message, and says of a value that is no
// JSON object what it looks like.
func object(value []byte) (map[string]json.RawMessage, *pipeline.Error) {
	bad := func(why string) *pipeline.Error {
		return pipeline.Invalidf("value", "is not a JSON object: %s", why).WithHint("send the message as a JSON object, in UTF-8")
	}
	value = bytes.TrimPrefix(value, []byte("\xef\xbb\xbf")) // a byte order mark
	text := bytes.TrimSpace(value)
	switch {
	case value == nil:
		return nil, bad("the record has no value (a tombstone)")
	case len(text) == 0:
		return nil, bad("it is empty")
	case bytes.HasPrefix(value, []byte("\xff\xfe")), bytes.HasPrefix(value, []byte("\xfe\xff")):
		return nil, bad("it is text in UTF-16")
	case bytes.HasPrefix(text, []byte("{'")):
		return nil, bad("its names stand in single quotes, as Python shows a dict").WithHint("write it by json.dumps")
	case text[0] != '{' && json.Valid(text):
		return nil, bad("it is " + clip(text))
	}
	var all map[string]json.RawMessage
	err := json.Unmarshal(text, &all)
	if err == nil {
		return all, nil
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return nil, bad(err.Error())
	}
	at := int(syntax.Offset)
	if at >= len(text) {
		return nil, bad(fmt.Sprintf("it ends too early, after %d bytes", len(text)))
	}
	at = max(0, at-1)
	return nil, bad(fmt.Sprintf("at byte %d there is %s", at, near(text[at:])))
}

// near shows where JSON goes wrong.
func near(text []byte) string {
	const shown = 20
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return word + ", which JSON does not have"
		}
	}
	if len(text) > shown {
		text = text[:shown]
	}
	return fmt.Sprintf("%q", bytes.ToValidUTF8(text, []byte("?")))
}
