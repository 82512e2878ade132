package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// missing is a member that a record should have.
type missing struct{ name string }

func (m missing) Error() string { return fmt.Sprintf("member %q is missing", m.name) }

var (
	errText   = errors.New("holds text, numbers are wanted")
	errObject = errors.New("holds an object, numbers are wanted")
)

// look recognises where the wanted members are, and labels of another kind.
func (p *jsonPart) look(of side, record []byte, err error) (seen, hint string) {
	var m missing
	switch {
	case errors.As(err, &m):
		return p.where(m.name, record)
	case errors.Is(err, errObject):
		return "", "only numbers and arrays of them can be read: send the numbers within it as members of the first level"
	case errors.Is(err, errText) && p.truth(record) != "":
		return p.text(record), p.truth(record)
	case errors.Is(err, errText) && of == sideLabel:
		return p.text(record), "send the number of the class (0, 1, ...) or the value; kafkaml stream send numbers the texts of a file's label"
	case errors.Is(err, errText):
		return p.text(record), "write numbers without quotation marks, times as numbers (seconds), truth as true and false; leave other texts out of data_fields"
	case errors.Is(err, errNotText):
		return "", "write text in quotation marks"
	case errors.Is(err, errNoText):
		return "", "send a text, an empty one (\"\") where there is none"
	case errors.Is(err, errTooMany) && of == sideLabel && len(p.names) == 1:
		return p.oneHot(record)
	case errors.Is(err, errMisfit):
		return "", lookNumbers(of, err)
	case errors.Is(err, errTooMany), errors.Is(err, errTooFew):
		return "", "send as many numbers as the model takes, or name in data_fields the members that hold them"
	case errors.Is(err, errNull) && of == sideLabel:
		return "", "leave records without a label out of the stream"
	case errors.Is(err, errNull):
		return "", "send a number: an input of whole numbers has none for a missing one"
	}
	return "", ""
}

// elsewhere refuses a record whose label lies in its key or its value, and that of the
// first record in the other: a key of the producer's own would be learned.
func (p *jsonPart) elsewhere(in int32) error {
	name := strings.Join(p.names, ", ")
	reason := fmt.Sprintf("the value has no %q, so that the key would be the label, and the first record has it in its value", name)
	if in == labelInValue {
		reason = fmt.Sprintf("the value has %q, and that of the first record has not, so that its key was the label", name)
	}
	return &Fault{reason, `let each record hold its label, or leave those without out by "on_bad": "skip" in the input_config; where the key is the label, leave label_field out`}
}

// member gives the value of the wanted member that a test is about.
func (p *jsonPart) member(record []byte, is func(value []byte) bool) (value []byte) {
	err := Members(record, func(name, v []byte) error {
		if _, wanted := p.index[string(name)]; wanted && value == nil && is(v) {
			value = v
		}
		return nil
	})
	if err != nil && p.bare && is(bytes.TrimSpace(record)) {
		return bytes.TrimSpace(record)
	}
	return value
}

// text tells a number that was written as text from other texts.
func (p *jsonPart) text(record []byte) string {
	value := p.member(record, func(v []byte) bool { return v[0] == '"' })
	var s string
	if value == nil || json.Unmarshal(value, &s) != nil {
		return ""
	}
	if _, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
		return fmt.Sprintf("the number is written as text, %s", shown(value))
	}
	return "the text is " + shown([]byte(s))
}

// truth is what to do about true or false that was written as text, empty for others.
func (p *jsonPart) truth(record []byte) string {
	var s string
	_ = json.Unmarshal(p.member(record, func(v []byte) bool { return v[0] == '"' }), &s) // what is no text is none of them
	return TruthHint([]byte(s))
}

// TruthHint says what to do about a text that is true or false, empty for others.
func TruthHint(text []byte) string {
	if word := string(text); !strings.EqualFold(word, "true") && !strings.EqualFold(word, "false") {
		return ""
	}
	return `write true and false without quotation marks; or number the texts in a mapping, as they are written: {"path": ..., "classes": ["false", "true"]}`
}

// oneHot recognises a class as an array of a one among zeros.
func (p *jsonPart) oneHot(record []byte) (seen, hint string) {
	value := p.member(record, func(v []byte) bool { return v[0] == '[' })
	var row []float64
	if value == nil || json.Unmarshal(value, &row) != nil {
		return "", ""
	}
	class := slices.Index(row, 1)
	for i, v := range row {
		if class < 0 || v != 0 && i != class {
			return fmt.Sprintf("it is an array of %d numbers", len(row)), "send one number; or give the model a label of as many"
		}
	}
	return fmt.Sprintf("it is a one-hot label, class %d of %d", class, len(row)),
		fmt.Sprintf(`send the number of the class (%d); or compile the model with loss="categorical_crossentropy", which wants one-hot labels`, class)
}

// where looks for a member that is not on the first level of a record.
func (p *jsonPart) where(name string, record []byte) (seen, hint string) {
	members := map[string][]byte{}
	var names []string
	err := Members(record, func(n, v []byte) error {
		names = append(names, string(n))
		members[string(n)] = v
		return nil
	})
	if err != nil {
		return "", ""
	}
	after, isChange := members["after"]
	_, hasBefore := members["before"]
	payload, hasPayload := members["payload"]
	_, hasSchema := members["schema"]
	switch {
	case isChange && hasBefore:
		seen = "it is the envelope of a change (Debezium: before, after, op)"
		if bytes.Contains(after, []byte(strconv.Quote(name))) {
			seen += ", with it in after"
		}
		return seen, `unwrap it in the connector: transforms=unwrap, transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState`
	case hasPayload && hasSchema && len(names) == 2 && payload[0] == '{':
		return "it is the envelope of Kafka Connect's JSON (schema, payload)", "set value.converter.schemas.enable=false in the connector"
	}
	if path := find(record, name, 0); path != "" {
		return fmt.Sprintf("there is a %s below the first level, where members are not read", path),
			fmt.Sprintf(`name it by its path, with "inputs": {"NAME OF THE INPUT": [%q, ...]} in place of data_fields, and "label"; or send the numbers on the first level of the record`, path)
	}
	for _, n := range names {
		if norm.NFC.String(n) == norm.NFC.String(name) {
			return fmt.Sprintf("there is a %q, whose letters are other code points: %+q, not %+q", n, n, name), "copy the name from a record, or have the producer normalize its names (Unicode NFC)"
		}
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return fmt.Sprintf("there is a %q", n), "write the name in data_fields or label_field exactly as the records have it"
		}
	}
	const most = 10
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return fmt.Sprintf("the record has %s%s", strings.Join(names, ", "), more), "name in data_fields and label_field members that each record has"
}

// find gives the path to a member below the first level; the name may be that
// path itself, with points.
func find(object []byte, name string, depth int) (path string) {
	const deepest = 4
	if depth == deepest {
		return ""
	}
	_ = Members(object, func(n, v []byte) error { // what is no object has none
		if path == "" && (depth > 0 && string(n) == name) {
			path = string(n)
		}
		if path != "" || len(v) == 0 {
			return nil
		}
		inner := bytes.TrimLeft(v, "[ \t\r\n")
		if len(inner) == 0 || inner[0] != '{' {
			return nil
		}
		var first json.RawMessage
		if json.NewDecoder(bytes.NewReader(inner)).Decode(&first) != nil {
			return nil
		}
		rest := strings.TrimPrefix(name, string(n)+".")
		if below := find(first, rest, depth+1); below != "" {
			path = string(n) + "." + below
		}
		return nil
	})
	return path
}

// notJSON says why a text is not JSON.
func notJSON(record []byte) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(record, new(json.RawMessage))
	if !errors.As(err, &syntax) {
		return &Fault{Reason: "is not JSON"}
	}
	at := int(min(max(syntax.Offset-1, 0), int64(len(record))))
	rest := string(record[at:])
	before := strings.TrimRight(string(record[:at]), " \t\r\n")
	const asNull = "JSON has no NaN and no Infinity: write null for a missing number (in Python json.dumps(..., allow_nan=False) shows where they come from)"
	switch {
	case len(record) > framingBytes && record[0] == 0:
		return &Fault{
			fmt.Sprintf("it begins with 00 and the id %d of a schema registry (Confluent's framing), and what follows is not JSON", binary.BigEndian.Uint32(record[1:])),
			"announce the stream with input_format AVRO, where the schema is one of Avro",
		}
	case json.Valid(bytes.TrimRight(record, "\x00")):
		return &Fault{"is followed by a zero byte, as C ends a text", "send the text without it"}
	case !isText(record):
		return &Fault{"is not JSON but bytes that are no text", "announce the stream in the format that it is sent in"}
	case syntax.Offset >= int64(len(record)) && strings.Contains(syntax.Error(), "unexpected end"):
		return &Fault{"is not JSON: it ends too early, after " + shown(record[max(0, len(record)-20):]), "send each record whole"}
	case strings.Contains(syntax.Error(), "after top-level value") && startsWith(rest, ",", ";"):
		return &Fault{"is not JSON but values with " + rest[:1] + " between them: " + shown(record), `send an object with a member for each, as {"x": 1.5}; kafkaml stream send reads files of such lines (CSV)`}
	case strings.Contains(syntax.Error(), "after top-level value"):
		return &Fault{fmt.Sprintf("holds more than one JSON value, the second from byte %d on: %s", at, shown(record[at:])), "send one object a record"}
	case strings.HasPrefix(rest, "'"):
		return &Fault{"is not JSON but Python's text of a dict, with single quotes: " + shown(record), "write it with json.dumps"}
	case startsWith(rest, "NaN", "Infinity", "nan", "inf") || strings.HasSuffix(before, "-") && strings.HasPrefix(rest, "I") || startsWith(strings.TrimLeft(string(record[max(0, at-1):]), " "), "nan"):
		return &Fault{fmt.Sprintf("is not JSON: it holds NaN or Infinity (at byte %d)", at), asNull}
	case startsWith(rest, "None", "True", "False"):
		return &Fault{fmt.Sprintf("is not JSON: it holds Python's %s", strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == '}' || r == ']' })[0]), "write it with json.dumps"}
	}
	if why, hint := notation(before, rest); why != "" {
		return &Fault{fmt.Sprintf("is not JSON: %s (at byte %d), %s", why, at, shown(record[at:])), hint}
	}
	return &Fault{fmt.Sprintf("is not JSON: byte %d is unexpected, %s", at, shown(record[at:])), "send each record as one JSON object"}
}

// notation names what other notations write that JSON does not have: before is
// the text up to where it fails, rest what follows.
func notation(before, rest string) (why, hint string) {
	first, last := rest[:min(1, len(rest))], before[max(0, len(before)-1):]
	digit := first >= "0" && first <= "9"
	switch {
	case startsWith(rest, "//", "/*", "#"):
		return "it holds a comment", "leave comments out"
	case (first == "}" || first == "]") && last == ",":
		return "a comma stands before the closing bracket", "leave the last comma out"
	case digit && last == "0":
		return "a number begins with 0", "write numbers without leading zeros"
	case first == "." || first == "+":
		return "a number begins with " + first, "write 0.5 for .5, and 5 for +5"
	case (last == "{" || last == ",") && first != "" && (first >= "a" && first <= "z" || first >= "A" && first <= "Z" || first == "_"):
		return "a name stands without quotation marks", "write it with json.dumps, or JSON.stringify"
	}
	return "", ""
}

func startsWith(text string, any ...string) bool {
	return slices.ContainsFunc(any, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}

// notObject says what a JSON text is that is no object.
func notObject(record []byte) error {
	record = bytes.TrimSpace(record)
	var text string
	switch {
	case string(record) == "null":
		return &Fault{"is null, not a JSON object", "leave such records out of the stream"}
	case json.Unmarshal(record, &text) == nil && json.Valid([]byte(text)):
		return &Fault{"is not a JSON object but a text that holds JSON: it was encoded twice", "encode it once"}
	case record[0] == '[':
		return &Fault{"is not a JSON object but an array", `send an object with a member for each field, as {"x": [1, 2]}`}
	}
	return &Fault{"is not a JSON object but " + shown(record), `send an object with a member for each field, as {"x": 1.5}`}
}
