package predict

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// readValues reads one row of each input from {"values": ...}.
func readValues(body []byte, layout []codec.Tensor, data [][]byte) error {
	var request struct {
		Values json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Field: "data", Reason: "is not JSON: " + err.Error(), Err: err}
	}
	if len(request.Values) == 0 {
		return pipeline.Invalidf("values", "is missing").WithHint(`send {"values": [...]}, or the record's bytes with another content type than application/json`)
	}
	named := map[string]json.RawMessage{}
	switch {
	case request.Values[0] == '{':
		if err := json.Unmarshal(request.Values, &named); err != nil {
			return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Field: "values", Err: err}
		}
	case len(layout) == 1:
		named[layout[0].Name] = request.Values
	default:
		return pipeline.Invalidf("values", "the model has %d inputs", len(layout)).WithHint(`send {"values": {"%s": [...], ...}}`, layout[0].Name)
	}
	for i, t := range layout {
		raw, ok := named[t.Name]
		if !ok {
			return pipeline.Invalidf("values", "the input %q is missing", t.Name)
		}
		var err error
		if t.DType == codec.String {
			data[i], err = readTexts(data[i], t.Elements(), raw)
		} else {
			err = readNumbers(data[i], t.DType, raw)
		}
		if err != nil {
			return pipeline.Invalidf("values", "input %q of shape %v: %v", t.Name, t.Shape, err)
		}
		delete(named, t.Name)
	}
	for name := range named {
		return pipeline.Invalidf("values", "the model has no input %q", name)
	}
	return nil
}

// readNumbers fills dst with the numbers of raw, valid JSON: an array, nested
// or flat, or one number. Their count must be dst's exactly.
func readNumbers(dst []byte, d codec.DType, raw json.RawMessage) error {
	size, at := d.Size(), 0
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '[' || c == ']' || c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r':
			i++
			continue
		case c == '-' || c >= '0' && c <= '9' || c == 't' || c == 'f':
		default:
			return fmt.Errorf("element %d is not a number", at/size)
		}
		end := i + 1
		for end < len(raw) && !bytes.ContainsRune([]byte(",] \n\t\r"), rune(raw[end])) {
			end++
		}
		if at+size > len(dst) {
			return fmt.Errorf("there are more than %d numbers", len(dst)/size)
		}
		if err := putNumber(dst[at:at+size], d, raw[i:end]); err != nil {
			return fmt.Errorf("element %d: %w", at/size, err)
		}
		at, i = at+size, end
	}
	if at != len(dst) {
		return fmt.Errorf("there are %d numbers, not %d", at/size, len(dst)/size)
	}
	return nil
}

// readTexts adds the n strings of raw, valid JSON, to dst: an array, nested or
// flat, or one string.
func readTexts(dst []byte, n int, raw json.RawMessage) ([]byte, error) {
	d, count := json.NewDecoder(bytes.NewReader(raw)), 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return dst, err
		}
		switch token := token.(type) {
		case string:
			if count++; count > n {
				return dst, fmt.Errorf("there are more than %d strings", n)
			}
			dst = codec.AppendText(dst, token)
		case json.Delim:
			if token == '{' {
				return dst, fmt.Errorf("element %d is not a string", count)
			}
		default:
			return dst, fmt.Errorf("element %d is not a string", count)
		}
	}
	if count != n {
		return dst, fmt.Errorf("there are %d strings, not %d", count, n)
	}
	return dst, nil
}

// putNumber writes a JSON number or boolean as one element. A whole number
// keeps all its digits.
func putNumber(dst []byte, d codec.DType, text []byte) error {
	switch string(text) {
	case "true":
		text = []byte("1")
	case "false":
		text = []byte("0")
	}
	var wide [8]byte
	if !d.Float() {
		if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			binary.LittleEndian.PutUint64(wide[:], uint64(v)) // #nosec G115 -- the bits of an int64
			return codec.Cast(dst, d, wide[:], codec.Int64)
		}
		if v, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			binary.LittleEndian.PutUint64(wide[:], v)
			return codec.Cast(dst, d, wide[:], codec.Uint64)
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("%s is out of range", text)
	}
	binary.LittleEndian.PutUint64(wide[:], math.Float64bits(v))
	return codec.Cast(dst, d, wide[:], codec.Float64)
}
