package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestFloats(t *testing.T) {
	var long []byte
	var all []float64
	for i := range 3*chunk + 7 { // more than an intermediate buffer holds
		long = binary.LittleEndian.AppendUint16(long, uint16(int16(-i)))
		all = append(all, float64(-i))
	}
	cases := map[string]struct {
		src  []byte
		from DType
		want []float64
	}{
		"bytes":      {[]byte{0, 255}, Uint8, []float64{0, 255}},
		"booleans":   {[]byte{1, 0}, Bool, []float64{1, 0}},
		"halves":     {[]byte{0, 0x3c}, Float16, []float64{1}},
		"floats":     {binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.25)), Float32, []float64{0.25}},
		"large":      {binary.LittleEndian.AppendUint64(nil, 1<<63), Uint64, []float64{1 << 63}},
		"long":       {long, Int16, all},
		"nothing":    {nil, Int32, []float64{}},
		"part of 1":  {[]byte{1, 2, 3}, Int32, nil},
		"no numbers": {[]byte("ab"), String, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := AppendFloats([]float64{7}, c.src, c.from)
			if (err == nil) != (c.want != nil) {
				t.Fatal(got, err)
			}
			if diff := cmp.Diff(append([]float64{7}, c.want...), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDeclared(t *testing.T) {
	sample := []pipeline.Tensor{{Name: "sample", DType: "uint8", Shape: []int{28, 28}}}
	cases := map[string]struct {
		format pipeline.Format
		config string
		want   Binding
		field  string // of the error
	}{
		"with labels": {
			pipeline.RAW, `{"data_type":"uint8","data_reshape":"28 28","label_type":"int64","label_reshape":""}`,
			Binding{Inputs: sample, Labels: []pipeline.Tensor{{Name: "label", DType: "int64"}}},
			"",
		},
		"without labels":  {pipeline.RAW, `{"data_type":"uint8","data_reshape":[28,28]}`, Binding{Inputs: sample}, ""},
		"one size":        {pipeline.RAW, `{"data_type":"uint8","data_reshape":3}`, Binding{Inputs: []pipeline.Tensor{{Name: "sample", DType: "uint8", Shape: []int{3}}}}, ""},
		"without a shape": {pipeline.RAW, `{"data_type":"uint8"}`, Binding{}, ""},
		"another format":  {pipeline.JSON, `{"data_fields":["a"]}`, Binding{}, ""},
		"no shape":        {pipeline.RAW, `{"data_type":"uint8","data_reshape":"28 x 28"}`, Binding{}, "input_config"},
		"no config":       {pipeline.RAW, ``, Binding{}, "input_config"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Declared(c.format, json.RawMessage(c.config))
			if c.field != "" {
				var e *pipeline.Error
				if !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Field != c.field {
					t.Errorf("%v, want an invalid %s", err, c.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			shapes := cmp.Comparer(func(a, b []int) bool {
				return len(a) == len(b) && cmp.Diff(append([]int{}, a...), append([]int{}, b...)) == ""
			})
			if diff := cmp.Diff(c.want, got, shapes); diff != "" {
				t.Error(diff)
			}
		})
	}
}
