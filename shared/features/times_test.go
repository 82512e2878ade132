package features_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Times in another unit than milliseconds are refused where parts of them are taken:
// those in seconds would all be of January 1970.
func TestTimesInOtherUnits(t *testing.T) {
	for as, says := range map[string]map[string]string{
		"hour": {
			"1704110400": "seconds since 1970 (2024-01-01)", "1704110400.5": "seconds since 1970 (2024-01-01)", "1704110400000000": "microseconds", "1704110400000000000": "nanoseconds",
			"1704110400000": "", "0": "", "86400000": "", "-1704110400": "", "4000000000000": "",
			"1209600000": "", "1213200000": "", `"1970-01-15T09:30:01Z"`: "", // birthdays in 1970
		},
		"year":         {"1704110400": "milliseconds are wanted"},
		"seconds":      {"1704110400": ""}, // of a duration
		"milliseconds": {"1704110400": ""},
	} {
		config := json.RawMessage(`{"inputs":[{"path":"at","as":"` + as + `"}]}`)
		d, err := features.New(pipeline.JSON, config, codec.Binding{Inputs: []pipeline.Tensor{{Name: "x", DType: "float64", Shape: []int{1}}}})
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range says {
			err := d.Sample([][]byte{make([]byte, 8)}, &stream.Record{Value: fmt.Appendf(nil, `{"at":%s}`, at)})
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %s: %v, want %q", as, at, err, want)
			}
		}
	}
	// What a schema calls a time says its unit.
	const scheme = `{"type":"record","name":"R","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`
	config, err := json.Marshal(map[string]any{"data_scheme": scheme, "inputs": []any{map[string]string{"path": "at", "as": "hour"}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := features.New(pipeline.AVRO, config, codec.Binding{Inputs: []pipeline.Tensor{{Name: "x", DType: "float64", Shape: []int{1}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sample([][]byte{make([]byte, 8)}, &stream.Record{Value: binary.AppendVarint(nil, 1_704_110_400)}); err != nil {
		t.Error(err)
	}
}
