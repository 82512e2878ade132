package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// produce sends records to a topic of one partition, as a range.
func (r *rig) produce(t *testing.T, records []stream.Record) {
	t.Helper()
	topic := streamtest.Topic(t, r.cluster, 1)
	base, err := r.cluster.Produce(t.Context(), topic, 0, records)
	if err != nil {
		t.Fatal(err)
	}
	r.Job.Ranges = []pipeline.Range{{Topic: topic, Partition: 0, Offset: base, Length: int64(len(records))}}
}

func packed(t *testing.T, values any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLossOfNaN holds that a training whose loss is NaN fails and says what the
// records lack, unless its deployment keeps it: then it warns.
func TestLossOfNaN(t *testing.T) {
	const lacks = "2 of 40 records have no width"
	for keep, end := range map[pipeline.OnNaN]string{"": eventing.TrainingFailed, pipeline.NaNFails: eventing.TrainingFailed, pipeline.NaNStays: eventing.TrainingFinished} {
		t.Run("on_nan "+string(keep), func(t *testing.T) {
			r := newRig(t)
			r.Job.InputFormat = pipeline.JSON
			r.Job.InputConfig = json.RawMessage(`{"data_fields":["height","width","depth"],"label_field":"kind"}`)
			r.Job.OnNaN = keep
			var records []stream.Record
			for i := range 40 {
				width := fmt.Sprint(i % 7)
				if i == 9 || i == 33 {
					width = "null"
				}
				records = append(records, stream.Record{Value: fmt.Appendf(nil, `{"height":%d,"width":%s,"depth":2,"kind":%d}`, i, width, i%2)})
			}
			r.produce(t, records)
			err := Run(t.Context(), r.Config)
			if (err == nil) != (end == eventing.TrainingFinished) || !cmp.Equal([]string{end}, r.ends) {
				t.Fatalf("ended by %v, %v", r.ends, err)
			}
			said := r.outcome.Reason + strings.Join(r.outcome.Split.Warnings, "\n")
			if want := "loss is NaN from epoch 1 on: " + lacks; !strings.Contains(said, want) {
				t.Errorf("said %q, want %q", said, want)
			}
			if unsound := r.outcome.Unsound; keep == pipeline.NaNStays && unsound != "the loss is NaN from epoch 1 on" {
				t.Errorf("unsound: %q", unsound)
			}
			if end == eventing.TrainingFailed && !strings.Contains(r.outcome.Hint, "on_nan") {
				t.Errorf("hint %q", r.outcome.Hint)
			}
			want := []pipeline.Column{
				{Name: "height", Maximum: 39, Mean: 19.5},
				{Name: "width", Missing: 2, Maximum: 6, Mean: 2.842105},
				{Name: "depth", Minimum: 2, Maximum: 2, Mean: 2},
				{Name: "label kind", Maximum: 1, Mean: 0.5},
			}
			if diff := cmp.Diff(want, r.outcome.Split.Columns, nearly); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var nearly = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-5 })

// TestRecordsThatTheGraphRefuses holds that a training names the record that
// its model refuses by partition and offset, though it was shuffled twice, and says
// where the model takes none of several.
func TestRecordsThatTheGraphRefuses(t *testing.T) {
	for _, engine := range []pipeline.Engine{kerasmodel.Graph, kerasmodel.XLA} {
		for name, c := range map[string]struct {
			records int
			all     bool
		}{"one": {37, false}, "all": {37, true}, "all, a batch each": {37, true}, "the only one": {1, true}} {
			t.Run(string(engine)+"/"+name, func(t *testing.T) {
				r := rigOf(t, "words", `{"data_type":"int32","data_reshape":"4","label_type":"float32"}`)
				r.Job.ShuffleStream, r.Job.StreamSeed, r.Job.Engine = true, 3, engine
				if name == "all, a batch each" {
					r.Job.BatchSize = 1
				}
				var records []stream.Record
				for i := range c.records {
					ids := [4]int32{int32(i % 10), 3, 4, 5}
					if i == 21 || c.all {
						ids[2] = 12
					}
					records = append(records, stream.Record{Key: packed(t, float32(i)), Value: packed(t, ids)})
				}
				r.produce(t, records)
				if err := Run(t.Context(), r.Config); err == nil {
					t.Fatal("no error")
				}
				place, hint := fmt.Sprintf("record %s[0]@%d: the model refuses it: ", r.Job.Ranges[0].Topic, r.Job.Ranges[0].Offset+21), "leave out the record"
				several := c.all && c.records > 1
				if c.all {
					place = fmt.Sprintf("record %s[0]@", r.Job.Ranges[0].Topic)
				}
				if several {
					hint = "input_config"
				}
				if o := r.outcome; !strings.Contains(o.Reason, place) || !strings.Contains(o.Reason, "= 12 is not in [0, 10)") || strings.Contains(o.Reason, "{{") ||
					strings.Contains(o.Reason, "each other one that was tried") != several || !strings.Contains(o.Hint, hint) {
					t.Errorf("reason %q, hint %q", o.Reason, o.Hint)
				}
			})
		}
	}
}

// TestValuesUnlikeOthers is what is said of numbers before anything is trained.
func TestValuesUnlikeOthers(t *testing.T) {
	float := func(name string, n int) pipeline.Tensor {
		return pipeline.Tensor{Name: name, DType: "float32", Shape: []int{n}}
	}
	cases := map[string]struct {
		of   func(i int) float64
		says string // empty: nothing
	}{
		"one far off":            {func(i int) float64 { return 200 + float64(i%50) + 1.7e8*float64(i/99) }, "1 of its values lies far from all others: up to 1.7"},
		"three far off":          {func(i int) float64 { return map[bool]float64{true: -9e9, false: 3}[i%40 == 7] }, "3 of its values lie far"},
		"rare ones":              {func(i int) float64 { return float64(i / 99) }, ""},
		"powers":                 {func(i int) float64 { return math.Exp2(float64(i % 30)) }, ""},
		"milliseconds":           {func(i int) float64 { return 1764315123000 + 37*float64(i) }, "rounded to multiples of 131072 in float32"},
		"infinite":               {func(i int) float64 { return map[bool]float64{true: math.Inf(-1), false: 3}[i == 7] }, "1 of 100 records have an infinite x"},
		"the highest byte first": {func(i int) float64 { return 1e-41 * float64(i) }, "little-endian"},
		"and larger ones":        {func(i int) float64 { return 1e29 * float64(i) }, "little-endian"},
		"no data":                {func(i int) float64 { return [3]float64{float64(i), math.MaxFloat32, -math.MaxFloat32}[i%3] }, ""},
		"no data, as 1e30":       {func(i int) float64 { return [2]float64{float64(float32(1e30)), float64(i)}[(1+i)/2%2] }, ""},
		"no data, once":          {func(i int) float64 { return [2]float64{float64(1 + i%9), math.MaxFloat32}[i/99] }, "1 of its values lies far"},
		"twice out of reach":     {func(i int) float64 { return [3]float64{float64(i), math.MaxFloat32, 1e32}[i%3] }, "little-endian"},
		"nothing but no data":    {func(int) float64 { return -math.MaxFloat32 }, "little-endian"},
		"next to 0":              {func(i int) float64 { return 1e-30 * float64(i) }, ""},
		"a column of one sign":   {func(i int) float64 { return -float64(i) }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d, err := features.New(pipeline.JSON, json.RawMessage(`{"data_fields":["x"]}`), codec.Binding{Inputs: []pipeline.Tensor{{Name: "in", DType: "float64", Shape: []int{1}}}})
			if err != nil {
				t.Fatal(err)
			}
			v := newValues(d, pipeline.Export{Inputs: []pipeline.Tensor{float("in", 1)}})
			for i := range 100 {
				if err := v.add([][]byte{packed(t, c.of(i))}, nil); err != nil {
					t.Fatal(err)
				}
			}
			said := strings.Join(v.warnings(), "\n")
			if c.says == "" && said != "" || !strings.Contains(said, c.says) || strings.Contains(said, "little-endian") != (c.says == "little-endian") {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}

// A value that stands for none, or for the border of a picture, tells nothing of the
// order of bytes, though it be the only one at its place.
func TestNoDataAtOnePlace(t *testing.T) {
	in := []pipeline.Tensor{{Name: "in", DType: "float32", Shape: []int{3}}}
	d, err := features.New(pipeline.RAW, json.RawMessage(`{"data_type":"float32","data_reshape":"3"}`), codec.Binding{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	v := newValues(d, pipeline.Export{Inputs: in})
	for i := range 20 {
		if err := v.add([][]byte{packed(t, [3]float32{-math.MaxFloat32, float32(i), 0.5})}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if said := v.warnings(); said != nil {
		t.Errorf("said %q", said)
	}
}

// TestInfiniteLoss holds that a training whose loss is too large for a number says so,
// though its weights may be numbers still.
func TestInfiniteLoss(t *testing.T) {
	tr := &training{values: &values{}}
	tr.outcome.Split = &pipeline.SplitAudit{}
	for epoch, loss := range []float64{3, math.Inf(1), 2, math.Inf(1)} {
		if err := tr.judge(pipeline.Epoch{Epoch: epoch + 1, Training: pipeline.Metrics{"loss": loss}}); err != nil {
			t.Fatal(err)
		}
	}
	if said := tr.outcome.Split.Warnings; len(said) != 1 || !strings.Contains(said[0], "loss is infinite from epoch 2 on") {
		t.Errorf("said %q", said)
	}
}

// Labels that are no class, or several, are warned of where the loss takes one.
func TestLabelsOfSeveralClasses(t *testing.T) {
	for name, c := range map[string]struct {
		loss, says string
		label      func(i int) []float32
		shape      []int
	}{
		"one each":             {"categorical_crossentropy", "", func(i int) []float32 { return [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}[i%3] }, []int{3}},
		"none":                 {"categorical_crossentropy", "10 of 20 labels sum to less than 1, as of no class: categorical_crossentropy", func(i int) []float32 { return [][]float32{{0, 0, 0}, {0, 1, 0}}[i%2] }, []int{3}},
		"several":              {"kl_divergence", "10 of 20 to more, as of several classes: kl_divergence", func(i int) []float32 { return [][]float32{{1, 1, 0}, {0, 1, 0}}[i%2] }, []int{3}},
		"by each class":        {"binary_crossentropy", "", func(i int) []float32 { return [][]float32{{1, 1, 0}, {0, 0, 0}}[i%2] }, []int{3}},
		"shares to two places": {"categorical_crossentropy", "", func(i int) []float32 { return [][]float32{{0.33, 0.33, 0.33}, {0.67, 0.17, 0.17}}[i%2] }, []int{3}},
		"padded steps":         {"categorical_crossentropy", "", func(int) []float32 { return []float32{0, 1, 0, 0, 0, 0} }, []int{2, 3}},
		"padding alone":        {"categorical_crossentropy", "20 of 20 labels sum to less than 1", func(int) []float32 { return make([]float32, 6) }, []int{2, 3}},
		"a large border":       {"categorical_crossentropy", "", func(int) []float32 { return append(make([]float32, 9000), 1, 0, 0) }, []int{3001, 3}},
		"several at a step":    {"categorical_crossentropy", "20 of 20 to more", func(int) []float32 { return []float32{0, 1, 0, 1, 1, 0} }, []int{2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			e := pipeline.Export{Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{1}}}, Labels: []pipeline.Tensor{{Name: "y", DType: "float32", Shape: c.shape}}, Loss: c.loss}
			d, err := features.New(pipeline.RAW, fmt.Appendf(nil, `{"data_type":"float32","data_reshape":"1","label_type":"float32","label_reshape":%q}`, strings.Trim(fmt.Sprint(c.shape), "[]")), codec.Binding{Inputs: e.Inputs, Labels: e.Labels})
			if err != nil {
				t.Fatal(err)
			}
			v := newValues(d, e)
			for i := range 20 {
				if err := v.add([][]byte{packed(t, float32(i))}, [][]byte{packed(t, c.label(i))}); err != nil {
					t.Fatal(err)
				}
			}
			if said := strings.Join(v.warnings(), "\n"); (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}

// Whole numbers whose bytes are in the other order, or those of floats, are warned of.
func TestMisreadWholeNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		dtype string
		of    func(i int) any
		says  string
	}{
		"small":                   {"int32", func(i int) any { return int32(i - 50) }, ""},
		"all 1":                   {"int32", func(int) any { return int32(1) }, ""},
		"colours":                 {"int32", func(i int) any { return int32(i * 65793) }, ""},
		"seconds since 1970":      {"int32", func(i int) any { return int32(1_000_000_000 + 1_000_000*i) }, ""},
		"no limit":                {"int32", func(i int) any { return [2]int32{0, math.MaxInt32}[i%2] }, ""},
		"no limit, in 8 bytes":    {"int64", func(i int) any { return [3]int64{-1, math.MinInt64, math.MaxInt64}[i%3] }, ""},
		"all ones":                {"uint32", func(int) any { return uint32(math.MaxUint32) }, ""},
		"the highest bit":         {"uint64", func(i int) any { return 1<<63 + uint64(i)<<20 }, ""},
		"clipped sound":           {"int16", func(i int) any { return [3]int16{math.MinInt16, 0, math.MaxInt16}[i%3] }, ""},
		"black and others":        {"int32", func(i int) any { return [2]int32{-1 << 24, -1<<24 + int32(i)} }, ""},
		"sizes":                   {"int16", func(i int) any { return [2]int16{1024, int16(i)} }, ""},
		"times, and flags":        {"int32", func(i int) any { return [2]int32{int32(i%2) * (1_000_000_000 + int32(i)), int32(i % 2)} }, ""},
		"padded times":            {"int32", func(i int) any { return [6]int32{956_703_932 + int32(900_000*i), 956_800_000 + int32(900_000*i)} }, ""},
		"padded, newest first":    {"int32", func(i int) any { return [4]int32{0, 0, 1_046_454_590 - int32(i), 1_046_400_000 - int32(i)} }, ""},
		"padded floats":           {"int32", func(i int) any { return [4]float32{0, float32(1+i%7) / 7, 0.5} }, "name the type that is sent, float32"},
		"ascending floats":        {"int32", func(i int) any { return [4]float32{0, -1, -0.5, 0.5} }, "name the type that is sent, float32"},
		"few that are not 0":      {"int32", func(i int) any { return [2]int32{0, 1_000_000_000}[(i+1)/100] }, ""},
		"ids":                     {"int64", func(i int) any { return int64(i)*7_777_777_777_777_777 + 1 }, ""},
		"turned":                  {"int32", func(i int) any { return int32(bits.ReverseBytes32(uint32(i % 100))) }, "numbers up to 99 become whose highest byte"},
		"turned, below 0":         {"int32", func(i int) any { return int32(bits.ReverseBytes32(uint32(i - 50))) }, `x.astype("<i4")`},
		"turned, of two bytes":    {"int16", func(i int) any { return int16(bits.ReverseBytes16(uint16(i))) }, "little-endian"},
		"turned, of eight bytes":  {"int64", func(i int) any { return int64(bits.ReverseBytes64(uint64(1000 * (i % 60)))) }, "little-endian"},
		"floats":                  {"int32", func(i int) any { return float32(i%40)/8 - 2 }, "name the type that is sent, float32"},
		"floats of 0 and more":    {"int32", func(i int) any { return float32(i%40) / 40 }, "name the type that is sent, float32"},
		"floats, of eight bytes":  {"int64", func(i int) any { return float64(i%40)/7 - 2 }, "name the type that is sent, float64"},
		"floats, and the reverse": {"float32", func(i int) any { return int32(i) }, "whole numbers that are read as floats"},
	} {
		t.Run(name, func(t *testing.T) {
			dtype, err := codec.ParseDType(c.dtype)
			if err != nil {
				t.Fatal(err)
			}
			n := len(packed(t, c.of(0))) / dtype.Size()
			in := []pipeline.Tensor{{Name: "in", DType: c.dtype, Shape: []int{n}}}
			d, err := features.New(pipeline.RAW, fmt.Appendf(nil, `{"data_type":%q,"data_reshape":"%d"}`, c.dtype, n), codec.Binding{Inputs: in})
			if err != nil {
				t.Fatal(err)
			}
			v := newValues(d, pipeline.Export{Inputs: in})
			for i := range 100 {
				if err := v.add([][]byte{packed(t, c.of(i))}, nil); err != nil {
					t.Fatal(err)
				}
			}
			if said := strings.Join(v.warnings(), "\n"); (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}

// Numbers that are written as such are what they are.
func TestWrittenWholeNumbers(t *testing.T) {
	in := []pipeline.Tensor{{Name: "in", DType: "int32", Shape: []int{8}}}
	d, err := features.New(pipeline.JSON, json.RawMessage(`{"data_fields":["a"]}`), codec.Binding{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	v := newValues(d, pipeline.Export{Inputs: in})
	for range 20 {
		if err := v.add([][]byte{packed(t, [8]int32{1 << 16, 1 << 17, 1 << 18, 1 << 16, 1 << 16})}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if said := v.warnings(); said != nil {
		t.Errorf("said %q", said)
	}
}

// Pictures that have just the bytes of a record of RAW are no numbers; one among many
// may be.
func TestEncodedRecords(t *testing.T) {
	in := []pipeline.Tensor{{Name: "in", DType: "uint8", Shape: []int{64}}}
	picture := append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), append(make([]byte, 52), 0xff, 0xd9)...)
	for pictures, says := range map[int]string{100: "the bytes of 100 of 100 records are not numbers but a JPEG picture", 3: ""} {
		d, err := features.New(pipeline.RAW, json.RawMessage(`{"data_type":"uint8","data_reshape":"64"}`), codec.Binding{Inputs: in})
		if err != nil {
			t.Fatal(err)
		}
		v := newValues(d, pipeline.Export{Inputs: in})
		for i := range 100 {
			record := picture
			if i >= pictures {
				record = bytes.Repeat([]byte{byte(i)}, 64)
			}
			if err := v.add([][]byte{record}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if said := strings.Join(v.warnings(), "\n"); (said == "") != (says == "") || !strings.Contains(said, says) {
			t.Errorf("%d pictures: %q", pictures, said)
		}
	}
}

func TestRecordsInTwoRangesAreWarnedOf(t *testing.T) {
	at := func(partition int, offset, length int64) pipeline.Range {
		return pipeline.Range{Topic: "t", Partition: partition, Offset: offset, Length: length}
	}
	for name, test := range map[string]struct {
		ranges []pipeline.Range
		says   string
	}{
		"none":               {nil, ""},
		"side by side":       {[]pipeline.Range{at(0, 5, 5), at(0, 0, 5), at(1, 0, 10)}, ""},
		"the end of one":     {[]pipeline.Range{at(0, 4, 6), at(0, 0, 6)}, "t[0] from 4 to 5"},
		"the same":           {[]pipeline.Range{at(1, 3, 2), at(0, 0, 9), at(1, 3, 2)}, "t[1] from 3 to 4"},
		"one within another": {[]pipeline.Range{at(0, 0, 9), at(0, 1, 1), at(0, 3, 2)}, "t[0] from 1 to 1"},
	} {
		if said := strings.Join(twice(test.ranges), ""); (said == "") != (test.says == "") || !strings.Contains(said, test.says) {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// TestRoundedFields holds that times of 13 digits are warned of where the
// decoder has put them into 4-byte floats already.
func TestRoundedFields(t *testing.T) {
	in := []pipeline.Tensor{{Name: "in", DType: "float32", Shape: []int{2}}}
	d, err := features.New(pipeline.JSON, json.RawMessage(`{"data_fields":["at","degrees"]}`), codec.Binding{Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	v := newValues(d, pipeline.Export{Inputs: in})
	for i := range 20 {
		stored := [][]byte{make([]byte, 8)}
		if err := d.Sample(stored, &stream.Record{Value: fmt.Appendf(nil, `{"at":%d,"degrees":%d}`, 1764315123000+1000*i, i)}); err != nil {
			t.Fatal(err)
		}
		if err := v.add(stored, nil); err != nil {
			t.Fatal(err)
		}
	}
	if said := v.warnings(); len(said) != 1 || !strings.Contains(said[0], "at: ") || !strings.Contains(said[0], "multiples of 131072 in float32") {
		t.Errorf("said %q", said)
	}
}

// TestValuesOfBytes holds the quick way for bytes against the plain one.
func TestValuesOfBytes(t *testing.T) {
	b := bytes.Repeat([]byte{7, 255, 3, 90, 255, 255, 255, 255, 255}, 99)
	var quick, plain stat
	quick, plain = named("x"), named("x")
	quick.bytes(b)
	for _, x := range b {
		plain.number(float64(x))
	}
	if diff := cmp.Diff(plain.column(), quick.column()); diff != "" {
		t.Error(diff)
	}
}
