package codec

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestIntegersKeepEveryBit holds that an integer of any length is read as it
// is written, or refused by name: through a float its last digits would change.
func TestIntegersKeepEveryBit(t *testing.T) {
	for text, want := range map[string]uint64{
		"int64 9223372036854775807":    1<<63 - 1,
		"int64 -9223372036854775808":   1 << 63,
		"int64 1732795123456789013":    1732795123456789013,
		"uint64 18446744073709551615":  1<<64 - 1,
		"uint64 9007199254740993":      9007199254740993,
		"int64 0000000000000000000012": 12,
	} {
		dtype, number, _ := strings.Cut(text, " ")
		if got, err := decodeNumber(t, dtype, number); err != nil && number[0] != '0' || err == nil && got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"int64 9223372036854775808", "uint64 -1000000000000000000", "uint64 18446744073709551616", "int32 1732795123456789013"} {
		dtype, number, _ := strings.Cut(text, " ")
		if got, err := decodeNumber(t, dtype, number); err == nil || !strings.Contains(err.Error(), number) {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
}

func decodeNumber(t *testing.T, dtype, number string) (uint64, error) {
	t.Helper()
	d, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["n"]}`), inputs(tensor("n", dtype)))
	if err != nil {
		t.Fatal(err)
	}
	dst := buffers(d.Inputs())
	if err := d.Sample(dst, []byte(`{"n":`+number+`}`)); err != nil || len(dst[0]) < 8 {
		return 0, err
	}
	return binary.LittleEndian.Uint64(dst[0]), nil
}

// TestDefaultsOfASchemaPlayNoPart takes schemas whose defaults do not suit their
// types, wherever they stand, as Java's and Python's writers make them.
func TestDefaultsOfASchemaPlayNoPart(t *testing.T) {
	for name, field := range map[string]string{
		"null for a union that begins otherwise": `{"name":"v","type":["float","null"],"default":null}`,
		"text for a number":                      `{"name":"v","type":"long","default":"none"}`,
		"null for a number":                      `{"name":"v","type":"double","default":null}`,
		"an object for an array":                 `{"name":"v","type":{"type":"array","items":"int","default":{}},"default":{}}`,
		"a symbol that is none":                  `{"name":"v","type":{"type":"enum","name":"E","symbols":["p"],"default":"q"},"default":"r"}`,
		"within a union within an array":         `{"name":"v","type":{"type":"array","items":["null",{"type":"enum","name":"E","symbols":["p"],"default":7}]},"default":null}`,
		"a field called default":                 `{"name":"default","type":["int","null"],"default":"x"}`,
		"a logical type":                         `{"name":"v","type":{"type":"long","logicalType":"timestamp-millis"},"default":"now"}`,
	} {
		schema := `{"type":"record","name":"r","fields":[` + field + `,{"name":"w","type":"int","default":1.5}]}`
		if s, err := parseAvro("data_scheme", json.RawMessage(schema)); err != nil || len(s.fields) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	reference := `{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["p","q"]},"default":"z"},{"name":"b","type":"E","default":null}]}`
	if s, err := parseAvro("data_scheme", json.RawMessage(reference)); err != nil || len(s.fields[1].symbols) != 2 {
		t.Errorf("a reference: %v", err)
	}
}

// TestAByteOrderMarkIsNoPartOfARecord takes what programs of Windows write.
func TestAByteOrderMarkIsNoPartOfARecord(t *testing.T) {
	for format, value := range map[pipeline.Format]string{
		pipeline.JSON: `{"n":4.5}`, pipeline.TelegrafJSON: `{"fields":{"value":"\ufeff{\"n\":4.5}"}}`,
	} {
		d, err := New(format, json.RawMessage(`{"data_fields":["n"]}`), inputs(tensor("n", "float64")))
		if err != nil {
			t.Fatal(err)
		}
		dst := buffers(d.Inputs())
		if err := d.Sample(dst, []byte("\ufeff"+value)); err != nil || decoded(d.Inputs(), dst)[0][0] != 4.5 {
			t.Errorf("%s: %v", format, err)
		}
	}
	bare, err := New(pipeline.JSON, json.RawMessage(`{"data_fields":["n"],"label_field":"y"}`), Binding{Inputs: inputs(tensor("n", "float64")).Inputs, Labels: inputs(tensor("y", "int32")).Inputs})
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.Record(buffers(bare.Inputs()), buffers(bare.Labels()), []byte("\ufeff3"), []byte(`{"n":1}`)); err != nil {
		t.Errorf("a key: %v", err)
	}
	quoted, _ := json.Marshal("\ufeff" + measures) // a string always marshals
	if _, err := parseAvro("data_scheme", quoted); err != nil {
		t.Errorf("a schema: %v", err)
	}
}
