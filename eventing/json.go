package eventing

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// asError is the outermost pipeline.Error in err's chain, nil without one.
func asError(err error) *pipeline.Error {
	var e *pipeline.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// pipelineJSON reads one JSON object strictly into v and names the member at
// fault.
func pipelineJSON(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return ExplainJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return pipeline.Invalidf("data", "has more after its JSON value")
	}
	return nil
}

// CannotBe says of a value of JSON that it is of another type than it has to be.
func CannotBe(e *json.UnmarshalTypeError) string {
	article := "a "
	if strings.HasPrefix(e.Value, "array") || strings.HasPrefix(e.Value, "object") {
		article = "an "
	}
	return "cannot be " + article + e.Value
}

// ExplainJSON turns an error of encoding/json into one that names the member.
// An error that already is a pipeline.Error (from an UnmarshalJSON of ours) is
// kept.
func ExplainJSON(err error) error {
	if e := asError(err); e != nil {
		return e
	}
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return &pipeline.Error{Kind: pipeline.Invalid, Field: "data", Reason: "is not JSON: " + syntax.Error(), Err: err}
	case errors.As(err, &typ):
		return &pipeline.Error{Kind: pipeline.Invalid, Field: typ.Field, Reason: CannotBe(typ), Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &pipeline.Error{Kind: pipeline.Invalid, Field: "data", Reason: "ends before its JSON value does", Err: err}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &pipeline.Error{
			Kind: pipeline.Invalid, Field: strings.Trim(name, `"`), Reason: "is not a known member",
			Hint: "leave it out or mend its name", Err: err,
		}
	}
	return &pipeline.Error{Kind: pipeline.Invalid, Field: "data", Err: err}
}
