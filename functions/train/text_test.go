package train

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// told is the text of record i; every third has none.
func told(i int) string {
	if i%3 == 0 {
		return ""
	}
	return fmt.Sprint(i) + strings.Repeat("é", i%40)
}

// withText is a cache of n records: a number, two texts, and a label.
func withText(t *testing.T, n int, memory int64) *cache {
	t.Helper()
	inputs := []codec.Tensor{{Name: "x", DType: codec.Int32}, {Name: "tags", DType: codec.String, Shape: []int{2}}}
	return sealed(t, inputs, []codec.Tensor{{Name: "y", DType: codec.Uint8}}, n, memory, func(i int, in, out [][]byte) {
		binary.LittleEndian.PutUint32(in[0], uint32(i))
		in[1] = codec.AppendText(codec.AppendText(in[1][:0], told(i)), "second")
		out[0][0] = byte(i)
	})
}

// Each record keeps its own text, in memory, in files and with the text alone
// in a file, whatever shuffles it.
func TestTextStaysWithItsRecord(t *testing.T) {
	const n = 20_000
	columns := []codec.Tensor{{Name: "x0", DType: codec.Int32}, {Name: "x1", DType: codec.String, Shape: []int{2}}, {Name: "y0", DType: codec.Int32}}
	for name, memory := range map[string]int64{"memory": 1 << 30, "text in a file": n * 25, "files": 0} {
		t.Run(name, func(t *testing.T) {
			c := withText(t, n, memory)
			if inFile := c.text.file != nil; inFile != (name != "memory") || (c.file != nil) != (name == "files") {
				t.Fatalf("text in a file: %v, rows: %v", inFile, c.file != nil)
			}
			if err := c.shuffle(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
			s := newSplit(c, columns, 5, n)
			s.shuffled, s.seed = true, 42
			seen := make([]bool, n)
			for first := int64(0); first < s.Len(); first += 1000 {
				k := int(min(1000, s.Len()-first))
				dst := [][]byte{make([]byte, 4*k), nil, make([]byte, 4*k)}
				if err := s.Read(t.Context(), 0, first, k, dst); err != nil {
					t.Fatal(err)
				}
				for i := range k {
					x := int(binary.LittleEndian.Uint32(dst[0][4*i:]))
					var one, two []byte
					one, dst[1], _ = codec.CutText(dst[1])
					two, dst[1], _ = codec.CutText(dst[1])
					if string(one) != told(x) || string(two) != "second" || seen[x] {
						t.Fatalf("record %d holds %q, %q; seen before: %v", x, one, two, seen[x])
					}
					seen[x] = true
				}
				if len(dst[1]) > 0 {
					t.Fatalf("%q is left over", dst[1])
				}
			}
		})
	}
}

// The same texts train the same weights, whatever format they came in.
func TestTrainingOnText(t *testing.T) {
	texts := []string{"good film", "a bad film", "", "é", "good, good bad film with a long story"}
	avro := `{"data_scheme":{"type":"record","name":"r","fields":[{"name":"review","type":"string"}]},"label_scheme":{"type":"record","name":"l","fields":[{"name":"y","type":"int"}]}}`
	formats := []struct {
		format     pipeline.Format
		config     string
		key, value func(i int) string
	}{
		{
			pipeline.JSON, `{"data_fields":["review"],"label_field":"y"}`,
			func(int) string { return "" }, func(i int) string { return fmt.Sprintf(`{"y":%d,"review":%q}`, i%2, texts[i%5]) },
		},
		{
			pipeline.AVRO, avro,
			func(i int) string { return string(binary.AppendVarint(nil, int64(i%2))) },
			func(i int) string { return string(binary.AppendVarint(nil, int64(len(texts[i%5])))) + texts[i%5] },
		},
		{
			pipeline.RAW, `{"data_type":"string","label_type":"uint8"}`,
			func(i int) string { return string([]byte{byte(i % 2)}) }, func(i int) string { return texts[i%5] },
		},
	}
	var hashes []string
	for _, f := range formats {
		t.Run(string(f.format), func(t *testing.T) {
			r := rigOf(t, "review", f.config)
			r.Job.InputFormat, r.Job.InputConfig = f.format, json.RawMessage(f.config)
			r.Job.ValidationRate, r.Job.TestRate = 0.1, 0.1
			var records []stream.Record
			for i := range 97 { // the last batch is short
				one := stream.Record{Value: []byte(f.value(i))}
				if key := f.key(i); key != "" {
					one.Key = []byte(key)
				}
				records = append(records, one)
			}
			r.produce(t, records)
			if err := Run(t.Context(), r.Config); err != nil || !slices.Equal(r.ends, []string{eventing.TrainingFinished}) {
				t.Fatalf("ended by %v: %v, %s", r.ends, err, r.outcome.Reason)
			}
			if o := r.outcome; o.Lineage.Records != 97 || o.Split.Validation.Records != 9 || o.Confusion == nil || !strings.Contains(o.EngineReason, "text") {
				t.Errorf("%+v", o)
			}
			hashes = append(hashes, r.outcome.Lineage.WeightsHash)
		})
	}
	if len(slices.Compact(hashes)) != 1 {
		t.Errorf("weights differ: %v", hashes)
	}
}

// A text that the model refuses is found again by partition and offset, though
// the records were shuffled twice and differ in length.
func TestTextThatTheGraphRefuses(t *testing.T) {
	r := rigOf(t, "letters", `{"data_fields":["letters"],"label_field":"y"}`)
	r.Job.InputFormat, r.Job.ShuffleStream, r.Job.StreamSeed = pipeline.JSON, true, 5
	var records []stream.Record
	for i := range 60 {
		second := strings.Repeat("long ", i%9)
		if i == 41 {
			second = "c"
		}
		records = append(records, stream.Record{Value: fmt.Appendf(nil, `{"y":%d,"letters":["a",%q]}`, i, second)})
	}
	r.produce(t, records)
	want := fmt.Sprintf("record %s[0]@41: the model refuses it", r.Job.Ranges[0].Topic)
	if err := Run(t.Context(), r.Config); err == nil || !strings.Contains(r.outcome.Reason, want) {
		t.Errorf("%v; %q, want %q", err, r.outcome.Reason, want)
	}
}
