package codec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestAttackArraysOfAnotherOrder: arrays in arrays are a tensor of the input's order,
// in every format and by every reader.
func TestAttackArraysOfAnotherOrder(t *testing.T) {
	schema := record(`{"name":"x","type":{"type":"array","items":["null",{"type":"array","items":["null","int"]}]}}`)
	native := func(rows [][]int) map[string]any {
		all := []any{}
		for _, row := range rows {
			one := []any{}
			for _, n := range row {
				one = append(one, map[string]any{"int": n})
			}
			all = append(all, map[string]any{"array": one})
		}
		return map[string]any{"x": all}
	}
	text := func(rows [][]int) []byte { b, _ := json.Marshal(map[string]any{"x": rows}); return b }
	avro := func(rows [][]int) []byte { return framedBy(t, 7, schema, native(rows)) }
	schemas := map[uint32]Schema{7: {Type: "AVRO", Text: schema}}
	bind := func(format pipeline.Format, config string) *Decoder {
		d, err := New(format, json.RawMessage(config), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 3, 2)}, Registry: true})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	fields := func(format pipeline.Format, config string, record []byte) error {
		r, err := NewFields(format, json.RawMessage(config), Value, []Path{{{Name: "x"}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		var dst [1]Field
		if err := r.Read(dst[:], &Scratch{}, record); err != nil {
			t.Fatal(err)
		}
		return dst[0].Fills(&Tensor{Name: "x", Shape: []int{3, 2}})
	}
	plain := `{"data_scheme":` + schema + `}`
	for name, read := range map[string]func(rows [][]int) error{
		"JSON": func(rows [][]int) error {
			return bind(pipeline.JSON, `{}`).Sample([][]byte{make([]byte, 24)}, text(rows))
		},
		"JSON by path": func(rows [][]int) error { return fields(pipeline.JSON, `{}`, text(rows)) },
		"AVRO": func(rows [][]int) error {
			return bind(pipeline.AVRO, plain).Sample([][]byte{make([]byte, 24)}, avro(rows)[framingBytes:])
		},
		"AVRO, framed": func(rows [][]int) error {
			_, err := taught(t, bind(pipeline.AVRO, `{}`), schemas, avro(rows))
			return err
		},
		"AVRO by path": func(rows [][]int) error { return fields(pipeline.AVRO, plain, avro(rows)[framingBytes:]) },
	} {
		if err := read([][]int{{1, 2}, {3, 4}, {5, 6}}); err != nil {
			t.Errorf("%s: 3x2: %v", name, err)
		}
		for says, rows := range map[string][][]int{
			`holds arrays of 2x3, and "x" takes 3x2`:                      {{1, 2, 3}, {4, 5, 6}},
			"holds arrays of different lengths, one of 3 beside one of 2": {{1, 2, 3}, {4, 5}, {6}},
		} {
			if err := read(rows); err == nil || !strings.Contains(err.Error(), says) || Hint(err) == "" {
				t.Errorf("%s: %v: %v", name, rows, err)
			}
		}
	}
	for says, record := range map[string]string{"numbers beside arrays": `{"x":[[1,2],[3,4],5,6]}`, "deep": `{"x":` + strings.Repeat("[", 40) + "1" + strings.Repeat("]", 40) + `}`} {
		if err := fields(pipeline.JSON, `{}`, []byte(record)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", record, err)
		}
	}
}
