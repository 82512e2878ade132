package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Fault is why a record cannot be decoded: what was wanted, what its bytes look
// like, and the one thing to do about it.
type Fault struct {
	Reason string
	Hint   string // empty where the bytes do not tell
}

// Error is the reason.
func (f *Fault) Error() string { return f.Reason }

// Hint is what to do about an error of this package, empty where nothing in the
// record tells.
func Hint(err error) string {
	var f *Fault
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}

// side is the half of a record that a part decodes.
type side string

const (
	sideValue side = "value"
	sideLabel side = "label"
)

// explain looks at the bytes of a record that cannot be decoded. It may use dst,
// whose contents are undefined after an error.
func explain(of side, p part, dst [][]byte, record []byte, err error) error {
	var unknown *Missing
	if errors.As(err, &unknown) {
		return unknown
	}
	if len(record) == 0 {
		return nothing(of, record == nil)
	}
	seen, hint := look(p, dst, record)
	var known *Fault
	if seen == "" && errors.As(err, &known) {
		if _, json := p.(*jsonPart); json && of == sideLabel && !isJSON(record) {
			return &Fault{Reason: err.Error(), Hint: "the label is the record's key, unless its value has the member that label_field names: name that, or send keys that are JSON, as 7"}
		}
		return &Fault{Reason: err.Error(), Hint: known.Hint}
	}
	if seen == "" {
		seen, hint = lookByFormat(of, p, record, err)
	}
	reason := err.Error()
	if seen != "" {
		reason += "; " + seen
	}
	return &Fault{Reason: reason, Hint: hint}
}

func isJSON(record []byte) bool { return json.Valid(plainJSON(record)) }

// Tombstone is what is wrong with a record that has no value.
func Tombstone() *Fault {
	return &Fault{"the record has no value: it is a tombstone, which deletes its key", `leave tombstones out by "where": "value != null" in the input_config, or announce ranges without them`}
}

// nothing tells a record without a value or key from one whose is empty.
func nothing(of side, absent bool) error {
	const labelHint = "send the label as the record's key, or as JSON with label_field in the value"
	switch {
	case of == sideLabel && absent:
		return &Fault{"the label is the record's key, and this record has no key", labelHint}
	case of == sideLabel:
		return &Fault{"the label is the record's key, and the key of this record is empty (0 bytes)", labelHint}
	case absent:
		return Tombstone()
	}
	return &Fault{"the value is empty (0 bytes)", "leave such records out of the stream"}
}

// look recognises what other programs put around or in place of a record.
func look(p part, dst [][]byte, record []byte) (seen, hint string) {
	fits := func(from int) bool { return len(record) > from && p.decode(dst, record[from:]) == nil }
	const (
		registry = 5  // 0, then the schema's id in four bytes
		single   = 10 // C3 01, then a fingerprint of eight bytes
		glue     = 18 // 3, the compression, then the id of a schema's version in 16 bytes
	)
	switch {
	case len(record) > registry && record[0] == 0 && fits(registry):
		return fmt.Sprintf("it begins with 00 and the id %d of a schema registry (Confluent's framing), and would fit without these 5 bytes", binary.BigEndian.Uint32(record[1:])),
			framingHint(p)
	case bytes.HasPrefix(record, []byte{0xc3, 0x01}) && len(record) > single:
		return fmt.Sprintf("it begins with C3 01, Avro's single-object encoding, and with the fingerprint % X of another schema than the one that is given", record[2:single]),
			"give as data_scheme the schema that the producer writes by, unchanged, with input_format AVRO; or send the body alone, without its first 10 bytes"
	case record[0] == 3 && len(record) > glue && record[1] <= 5 && fits(glue):
		return "it begins with the 18 bytes of the AWS Glue schema registry", "send it without the framing, the first 18 bytes"
	}
	if what, cure := fileKind(record); what != "" {
		return "its bytes are " + what, cure
	}
	return "", ""
}

// framingHint is what to do about a schema registry's framing.
func framingHint(p part) string {
	_, avro := p.(*avroPart)
	if again, fields := p.(againPart); avro || fields && again.avro {
		return `set SCHEMA_REGISTRY_URL for the installation and "framing": "confluent" in the input_config, or send it without its first 5 bytes`
	}
	return "send it without the framing: with a serializer that writes the record alone, or without its first 5 bytes"
}

// lookByFormat recognises what is written in another way than the format's.
func lookByFormat(of side, p part, record []byte, err error) (seen, hint string) {
	switch p := p.(type) {
	case rawPart:
		return p.look(of, record)
	case *avroPart:
		if seen, hint = lookText(of, record); seen != "" {
			return seen, hint
		}
		if len(record) > 5 && record[0] == 0 && record[1] == 0 && binary.BigEndian.Uint32(record[1:]) > 0 {
			return fmt.Sprintf("it may begin with the framing of a schema registry (00 and the id %d)", binary.BigEndian.Uint32(record[1:])),
				framingHint(p)
		}
		if hint = lookNumbers(of, err); hint != "" {
			return "", hint
		}
		return "", "give in the input_config the schema that the records were written by"
	case *framedPart:
		return p.look(of, record, err)
	case *protoPart:
		return p.look(of, record, err)
	case *jsonPart:
		return p.look(of, record, err)
	case telegrafPart:
		return "", "Telegraf writes such records by the string parser (data_format = \"value\", data_type = \"string\")"
	}
	return "", ""
}

// lookText recognises text where bytes are wanted.
func lookText(of side, record []byte) (seen, hint string) {
	if !isText(record) {
		return "", ""
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(record, []byte(byteOrderMark)))
	switch {
	case len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text):
		return "it is JSON: " + shown(text), jsonCure
	case of == sideLabel:
		return "it is the text " + shown(text), "send the label as the format has it, or announce the stream as JSON, whose keys are text"
	}
	return "it is the text " + shown(text), "send the numbers as RAW, AVRO or JSON; kafkaml stream send reads files of text (CSV)"
}

// isText reports whether bytes are printable text, of more than a character or
// a digit.
func isText(record []byte) bool {
	if len(record) == 1 {
		return record[0] >= '0' && record[0] <= '9'
	}
	for _, r := range string(record) {
		if r == '\uFFFD' || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}

// shown is a text to show, not longer than a few words.
func shown(text []byte) string {
	const most = 40
	s := string(text)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}

// Class is the fault of a label that names no class of a model with so many:
// the key tells how it came about.
func Class(label int64, classes int, key []byte) error {
	f := &Fault{Reason: fmt.Sprintf("label %d: the model has the classes 0 to %d", label, classes-1)}
	text := bytes.TrimSpace(key)
	digits := len(text) > 0 && len(bytes.Trim(text, "0123456789")) == 0
	swapped := int64(binary.BigEndian.Uint64(append(make([]byte, 8-min(len(key), 8)), key[:min(len(key), 8)]...)))
	switch {
	case digits && label >= '0' && label <= '9' && len(text) == 1:
		f.Reason += fmt.Sprintf("; the key is the text %q, whose byte is %d", text, label)
		f.Hint = "send the number itself as one byte, or announce the stream as JSON, whose keys are text"
	case digits && len(text) == len(key) && len(key) > 1:
		f.Reason += fmt.Sprintf("; the key is the text %q", text)
		f.Hint = "send the number's bytes, or announce the stream as JSON, whose keys are text"
	case len(key) > 1 && swapped >= 0 && swapped < int64(classes):
		f.Reason += fmt.Sprintf("; read from its last byte on it is %d", swapped)
		f.Hint = "send numbers with their lowest byte first (little-endian): y.astype(\"<i4\").tobytes()"
	case label == int64(classes):
		f.Hint = fmt.Sprintf("number the classes from 0: subtract 1 from each label if they are 1 to %d; or give the model an output more", classes)
	default:
		f.Hint = "number the classes from 0, or give the model as many outputs as there are classes"
	}
	return f
}

// Unlikely is the fault of a label that the model's loss is not for.
func Unlikely(label float64, r *pipeline.LabelRange) error {
	if math.IsNaN(label) || math.IsInf(label, 0) {
		return &Fault{fmt.Sprintf("label %g: there is no number to learn from (null is NaN, too)", label), `leave records without a label out of the stream, or by "on_bad": "skip" in the input_config; or let "missing" of a mapped label stand for it`}
	}
	return &Fault{fmt.Sprintf("label %g: the model's loss, %s, takes labels of %s", label, r.Loss, Taken(r)), UnlikelyHint(label, r)}
}

// Taken are the labels that a loss is for, as text.
func Taken(r *pipeline.LabelRange) string {
	switch {
	case math.IsInf(r.Low, -1):
		return "any finite number"
	case math.IsInf(r.High, 1):
		return fmt.Sprintf("%g and more", r.Low)
	}
	return fmt.Sprintf("%g to %g", r.Low, r.High)
}

// UnlikelyHint says what to do about such labels.
func UnlikelyHint(label float64, r *pipeline.LabelRange) string {
	binary := strings.HasPrefix(r.Loss, "binary_")
	switch {
	case binary && label < 0:
		return "send 0 in place of -1; or compile the model with the loss that such labels are for: hinge for -1 and 1, mse for numbers"
	case binary:
		return `send 0 and 1 for two classes; for more give the model an output for each, and loss="sparse_categorical_crossentropy"; scale numbers to 0 to 1, or train on them by mse`
	case math.IsInf(r.Low, -1):
		return "leave rows without a label out"
	case strings.HasPrefix(r.Loss, "categorical_"):
		return `send one-hot labels, a 1 among zeros; for the number of the class compile with loss="sparse_categorical_crossentropy"`
	case strings.HasSuffix(r.Loss, "hinge"):
		return "send -1 and 1 for two classes, or 0 and 1; or train on numbers by mse"
	case r.Probability():
		return "scale the labels to 0 to 1, as masks of 0 and 255 by dividing; or train on them by mse"
	}
	return "leave out records whose label is missing and stands there as a number below 0; or compile the model with a loss for any number, such as mse or huber"
}

// lookNumbers says what to do about numbers that could be read, and that do not
// suit the model.
func lookNumbers(of side, err error) (hint string) {
	switch {
	case errors.Is(err, errMisfit) && of == sideLabel:
		return "send the number of the class (0, 1, ...): the model's loss takes whole numbers; or choose a loss for the labels that there are"
	case errors.Is(err, errMisfit):
		return "send numbers that the type holds, or give the model's input a wider one"
	case errors.Is(err, errTooFew), errors.Is(err, errTooMany):
		return "send arrays of as many numbers as the model takes, in each record; where they hold as many, give the schema that the records were written by"
	}
	return ""
}
