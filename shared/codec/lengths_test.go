package codec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestAttackFieldsOfOtherLengths: arrays that are as many numbers in all, and longer
// and shorter ones, would come to other places of the input.
func TestAttackFieldsOfOtherLengths(t *testing.T) {
	arrays := record(`{"name":"a","type":{"type":"array","items":"int"}},{"name":"b","type":["null",{"type":"array","items":"float"}]}`)
	const lists = `syntax = "proto3"; message R { repeated int32 a = 1; repeated float b = 2; }`
	lengths := func(a, b int) map[string]any {
		m := map[string]any{"a": []any{}, "b": map[string]any{"array": []any{}}}
		for i := range a {
			m["a"] = append(m["a"].([]any), i)
		}
		for i := range b {
			m["b"] = map[string]any{"array": append(m["b"].(map[string]any)["array"].([]any), i)}
		}
		return m
	}
	plain := func(a, b int) []byte {
		text, err := json.Marshal(map[string]any{"a": lengths(a, b)["a"], "b": lengths(a, b)["b"].(map[string]any)["array"]})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	framed := map[uint32]Schema{7: {Type: "AVRO", Text: arrays}, 8: {Type: "AVRO", Text: record(`{"name":"b","type":"float"},{"name":"a","type":{"type":"array","items":"int"}}`)}}
	for name, test := range map[string]struct {
		format  pipeline.Format
		config  string
		schemas map[uint32]Schema
		record  func(a, b int) []byte
	}{
		"JSON": {pipeline.JSON, `{"data_fields":["a","b"]}`, nil, plain},
		"TELEGRAF": {pipeline.TelegrafJSON, `{"data_fields":["a","b"]}`, nil, func(a, b int) []byte {
			text, _ := json.Marshal(string(plain(a, b)))
			return []byte(`{"fields":{"value":` + string(text) + `}}`)
		}},
		"AVRO":         {pipeline.AVRO, `{"data_scheme":` + arrays + `}`, nil, func(a, b int) []byte { return framedBy(t, 7, arrays, lengths(a, b))[framingBytes:] }},
		"AVRO, framed": {pipeline.AVRO, `{"data_fields":["a","b"]}`, framed, func(a, b int) []byte { return framedBy(t, 7, arrays, lengths(a, b)) }},
		"in turn":      {pipeline.AVRO, `{"data_fields":["b","a"]}`, framed, func(a, b int) []byte { return framedBy(t, 7, arrays, lengths(a, b)) }},
		"PROTOBUF":     {pipeline.PROTOBUF, `{"data_fields":["a","b"],"data_scheme":` + quoted(lists) + `}`, nil, func(a, b int) []byte { return protoRecord(t, lists, "R", string(plain(a, b))) }},
		"other schemas": {pipeline.AVRO, `{"data_fields":["a","b"]}`, framed, func(a, b int) []byte {
			if b == 1 {
				return framedBy(t, 8, framed[8].Text, map[string]any{"a": lengths(a, 0)["a"], "b": 1})
			}
			return framedBy(t, 7, arrays, lengths(a, b))
		}},
	} {
		bind := func(elements int) *Decoder {
			d, err := New(test.format, json.RawMessage(test.config), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", elements)}, Registry: test.schemas != nil})
			if err != nil {
				t.Fatal(name, err)
			}
			return d
		}
		d := bind(3)
		for _, lengths := range [][2]int{{2, 2}, {2, 1}, {2, 1}} { // the first is too long, and says nothing
			if _, err := taught(t, d, test.schemas, test.record(lengths[0], lengths[1])); (err != nil) != (lengths[1] == 2) {
				t.Errorf("%s: %v: %v", name, lengths, err)
			}
		}
		for lengths, says := range map[[2]int]string{{1, 2}: "1 value, and 2 in the first record", {3, 0}: "3 values, and 2 in the first record"} {
			if name == "in turn" {
				says = map[[2]int]string{{1, 2}: "2 values, and 1 in the first record", {3, 0}: "0 values, and 1 in the first record"}[lengths]
			}
			if _, err := taught(t, d, test.schemas, test.record(lengths[0], lengths[1])); err == nil || !strings.Contains(err.Error(), says) || Hint(err) == "" {
				t.Errorf("%s: %v: %v", name, lengths, err)
			}
		}
		serving := bind(3)
		all := map[string]map[string]int{}
		d.Lengths().AddTo(all)
		serving.Lengths().Expect(all["x"])
		if _, err := taught(t, serving, test.schemas, test.record(1, 2)); err == nil || !strings.Contains(err.Error(), "the model was trained on") {
			t.Errorf("%s: when served: %v", name, err)
		}
		unknown := bind(3)
		unknown.Lengths().Expect(nil)
		for _, lengths := range [][2]int{{1, 2}, {2, 1}} { // of a model that was not trained here
			if _, err := taught(t, unknown, test.schemas, test.record(lengths[0], lengths[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := taught(t, bind(2), test.schemas, test.record(2, 0)); err == nil || !strings.Contains(err.Error(), `has as many fields as elements`) {
			t.Errorf("%s: as many fields as elements: %v", name, err)
		}
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // of strings it does not fail
	return string(b)
}
