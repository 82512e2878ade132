package records

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// Values are those of a tensor, as a JSON array: numbers, where what JSON cannot
// write becomes null, or texts.
type Values []byte

// JSONSchemaBytes is the schema of what MarshalJSON writes.
func (Values) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"type":"array","items":{"type":["number","string","null"]}}`), nil
}

// MarshalJSON implements json.Marshaler.
func (v Values) MarshalJSON() ([]byte, error) { return v, nil }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Values) UnmarshalJSON(b []byte) error {
	*v = append((*v)[:0], b...)
	return nil
}

// values are those of the tensors of a record that is shown as item.
func (p *previewer) values(item *Decoded, tensors []codec.Tensor, data [][]byte) []Values {
	all := make([]Values, len(tensors))
	for i, t := range tensors {
		if t.DType == codec.String {
			all[i] = p.quoted(item, data[i])
			continue
		}
		shown := data[i]
		if most := previewElements * t.DType.Size(); len(shown) > most {
			shown, item.Changed = shown[:most], true
		}
		numbers, err := codec.Floats(shown, t.DType)
		if err != nil { // of a type without numbers
			numbers = nil
		}
		all[i] = appendNumbers(nil, numbers)
	}
	return all
}

func appendNumbers(b []byte, numbers []float64) []byte {
	b = append(b, '[')
	for i, v := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
	}
	return append(b, ']')
}

// quoted are the stored texts of a tensor as JSON strings. What is longer than a
// person reads is cut, and ends by how many bytes it has.
func (p *previewer) quoted(item *Decoded, stored []byte) []byte {
	b := []byte{'['}
	for len(stored) > 0 {
		text, rest, ok := codec.CutText(stored)
		if !ok {
			break
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		most := min(previewText, max(fewTextBytes, previewTexts-p.texts))
		shown := beginning(text, most)
		p.texts += len(shown)
		item.Changed = item.Changed || len(shown) < len(text) || !utf8.Valid(text)
		if len(shown) < len(text) {
			shown = fmt.Appendf(shown[:len(shown):len(shown)], "… (%d bytes)", len(text))
		}
		b, stored = codec.AppendQuoted(b, shown), rest
	}
	return append(b, ']')
}

// beginning is a text, or its beginning up to so many bytes: not less than a whole
// character.
func beginning(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	for cut := most; cut > most-utf8.UTFMax; cut-- {
		if utf8.RuneStart(text[cut]) {
			return text[:cut]
		}
	}
	return text[:most]
}
