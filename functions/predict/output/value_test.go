package output

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func output(name string, d codec.DType, shape []int, values ...float64) framework.Output {
	var wide []byte
	for _, v := range values {
		wide = binary.LittleEndian.AppendUint64(wide, math.Float64bits(v))
	}
	data := make([]byte, len(values)*d.Size())
	if err := codec.Cast(data, d, wide, codec.Float64); err != nil {
		panic(err) // the cases below fit
	}
	return framework.Output{Name: name, DType: d, Shape: shape, Data: data, Size: len(data)}
}

// words is an output of text of one record.
func words(name string, shape []int, texts ...string) framework.Output {
	o := framework.Output{Name: name, DType: codec.String, Shape: shape}
	for _, text := range texts {
		o.Data = codec.AppendText(o.Data, text)
	}
	o.Ends = []int{len(o.Data)}
	return o
}

func TestValues(t *testing.T) {
	nan := math.NaN()
	cases := map[string]struct {
		outputs []framework.Output
		want    string
	}{
		"a row":       {[]framework.Output{output("o", codec.Float32, []int{2}, 0.1, 0.9)}, `{"values":[0.1,0.9]}`},
		"a scalar":    {[]framework.Output{output("o", codec.Float32, nil, 3)}, `{"values":[3]}`},
		"nested":      {[]framework.Output{output("o", codec.Float32, []int{2, 1, 2}, 1, 2, 3, 4)}, `{"values":[[[1,2]],[[3,4]]]}`},
		"nothing":     {[]framework.Output{output("o", codec.Float32, []int{0, 2})}, `{"values":[]}`},
		"several":     {[]framework.Output{output("a", codec.Float32, []int{1}, 1), output(`b"`, codec.Int64, []int{2}, -1, 7)}, `{"values":{"a":[1],"b\"":[-1,7]}}`},
		"not numbers": {[]framework.Output{output("o", codec.Float32, []int{3}, nan, math.Inf(1), math.Inf(-1))}, `{"values":[null,null,null]}`},
		"far apart":   {[]framework.Output{output("o", codec.Float32, []int{4}, 1e-9, 1e30, 16777216, -0.00001)}, `{"values":[1e-09,1e+30,16777216,-0.00001]}`},
		"float64":     {[]framework.Output{output("o", codec.Float64, []int{1}, 0.1)}, `{"values":[0.1]}`},
		"half":        {[]framework.Output{output("o", codec.Float16, []int{1}, 0.5)}, `{"values":[0.5]}`},
		"bool":        {[]framework.Output{output("o", codec.Bool, []int{2}, 1, 0)}, `{"values":[true,false]}`},
		"bytes":       {[]framework.Output{output("o", codec.Uint8, []int{2}, 255, 0)}, `{"values":[255,0]}`},
		"wide":        {[]framework.Output{output("o", codec.Uint64, []int{1}, 1<<63)}, `{"values":[9223372036854775808]}`},
		"a text":      {[]framework.Output{words("o", nil, "a \"good\" <one>\n")}, `{"values":["a \"good\" <one>\n"]}`},
		"texts":       {[]framework.Output{output("a", codec.Float32, []int{1}, 1), words("w", []int{2, 2}, "a", "", "é", "\xff")}, `{"values":{"a":[1],"w":[["a",""],["é","` + "\ufffd" + `"]]}}`},
		"no texts":    {[]framework.Output{words("o", []int{0})}, `{"values":[]}`},
		"others":      {[]framework.Output{output("o", codec.Int8, []int{1}, -3)}, `{"values":[-3]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var outputs []pipeline.Tensor
			for _, o := range c.outputs {
				outputs = append(outputs, pipeline.Tensor{Name: o.Name})
			}
			got := NewValues(outputs).Append(nil, c.outputs, 0)
			if string(got) != c.want || !json.Valid(got) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// Whatever a float32 is, its text reads back as the same.
func FuzzValues(f *testing.F) {
	f.Add(uint32(0))
	f.Add(math.Float32bits(0.1))
	f.Add(math.Float32bits(math.SmallestNonzeroFloat32))
	f.Fuzz(func(t *testing.T, bits uint32) {
		o := framework.Output{DType: codec.Float32, Shape: []int{1}, Data: binary.LittleEndian.AppendUint32(nil, bits), Size: 4}
		var got struct{ Values []*float32 }
		text := NewValues([]pipeline.Tensor{{Name: "o"}}).Append(nil, []framework.Output{o}, 0)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		v := math.Float32frombits(bits)
		if got.Values[0] == nil {
			if v == v && !math.IsInf(float64(v), 0) {
				t.Errorf("%v became null", v)
			}
		} else if *got.Values[0] != v {
			t.Errorf("%s reads back as %v, not %v", text, *got.Values[0], v)
		}
	})
}
