package train

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const skewScheme = `{"type":"record","name":"r","fields":[
	{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"b","type":"double"},{"name":"c","type":["null","double"]}]}},
	{"name":"l","type":{"type":"array","items":"double"}},{"name":"y","type":"long"}]}`

// skewRecord is one of many records: as JSON or as Avro. Some lack c.
func skewRecord(random *rand.Rand, avro bool) []byte {
	b, c, l, y := random.NormFloat64()*1e3, random.Float64(), random.ExpFloat64(), random.IntN(2)
	lacks := random.IntN(10) == 0
	if !avro {
		shown := fmt.Sprint(c)
		if lacks {
			shown = "null"
		}
		return fmt.Appendf(nil, `{"a":{"b":%v,"c":%s},"l":[%v,7],"y":%d}`, b, shown, l, y)
	}
	double := func(dst []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)) }
	record := double(nil, b)
	if lacks {
		record = append(record, 0)
	} else {
		record = double(append(record, 2), c)
	}
	record = double(double(append(record, 4), l), 7)
	return append(record, 0, byte(2*y))
}

// TestNoSkew holds that the tensors that a model trains on are, bit by bit, those
// that it is given in serving: of 10,000 records, means of what is missing and a
// filter included.
func TestNoSkew(t *testing.T) {
	const records = 10_000
	export := pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{4}}, {Name: "k", DType: "string", Shape: []int{1}}, {Name: "h", DType: "float32", Shape: []int{1}}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "int64"}},
	}
	mapping := `"inputs":{"x":["a.b",{"path":"a.c","missing":"mean"},"l"],"k":{"from":"key"},"h":{"from":"timestamp","as":"hour"}},"label":"y","where":"value.a.b > -500.0"`
	for format, config := range map[pipeline.Format]string{pipeline.JSON: "{" + mapping + "}", pipeline.AVRO: "{" + mapping + `,"data_scheme":` + skewScheme + "}"} {
		t.Run(string(format), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			all := make([]stream.Record, records)
			for i := range all {
				all[i] = stream.Record{Offset: int64(i), Key: fmt.Appendf(nil, "k%d", i%7), Value: skewRecord(random, format == pipeline.AVRO), Time: time.UnixMilli(int64(i) * 60_000)}
			}
			job := &training{}
			decoder, kept := taken(t, job, format, config, export, all)
			means, err := job.average(t.Context(), decoder)
			if err != nil {
				t.Fatal(err)
			}
			serving, err := features.New(format, features.ForServing(json.RawMessage(config)), codec.Binding{Inputs: export.Inputs}, features.WithLearned(pipeline.Learned{Means: means}))
			if err != nil {
				t.Fatal(err)
			}
			if len(kept) < records/2 || len(kept) == records {
				t.Fatalf("%d of %d records are kept", len(kept), records)
			}
			trained, served := rowOf(decoder.Inputs(), decoder.Labels()), rowOf(serving.Inputs(), nil)
			for i := range kept {
				for k := range trained {
					trained[k] = trained[k][:cap(trained[k])]
				}
				trained[1] = trained[1][:0] // text is added
				if err := job.train.Read(t.Context(), -1, int64(i), 1, trained); err != nil {
					t.Fatal(err)
				}
				if err := serving.Sample(served, &kept[i]); err != nil {
					t.Fatal(err)
				}
				for k := range served {
					if !bytes.Equal(trained[k], served[k]) {
						t.Fatalf("record %d, input %d: % x in training, % x in serving", kept[i].Offset, k, trained[k], served[k])
					}
				}
			}
		})
	}
}

func rowOf(inputs, labels []codec.Tensor) (all [][]byte) {
	for _, t := range append(append([]codec.Tensor{}, inputs...), labels...) {
		all = append(all, make([]byte, t.Bytes()))
	}
	return all
}

// taken reads records into the cache of a training, as its intake does, and gives
// those that are kept.
func taken(t *testing.T, job *training, format pipeline.Format, config string, export pipeline.Export, all []stream.Record) (*features.Decoder, []stream.Record) {
	t.Helper()
	decoder, err := features.ForTraining(format, json.RawMessage(config), export, false)
	if err != nil {
		t.Fatal(err)
	}
	if job.cache, err = newCache(t.TempDir(), decoder.Inputs(), decoder.Labels(), int64(len(all)), memoryBytes); err != nil {
		t.Fatal(err)
	}
	job.bad = newSkips(decoder.Tolerance(), int64(len(all)))
	in := &intake{decoder: decoder, bad: job.bad, export: export, checks: features.NewChecks(export, decoder), cache: job.cache, hash: newHasher(), values: newValues(decoder, export)}
	defer in.hash.close()
	var kept []stream.Record
	for _, r := range all {
		before := job.cache.records
		if err := in.take(t.Context(), r, &reporter{}); err != nil {
			t.Fatal(err)
		}
		if job.cache.records > before {
			kept = append(kept, r)
		}
	}
	if err := job.cache.seal(); err != nil {
		t.Fatal(err)
	}
	columns := append(append([]codec.Tensor{}, decoder.Inputs()...), decoder.Labels()...)
	job.train = newSplit(job.cache, columns, 0, job.cache.records)
	return decoder, kept
}

// TestRecordsAtFault: within the bound they are left out and kept with their
// place, beyond it the training ends.
func TestRecordsAtFault(t *testing.T) {
	export := pipeline.Export{
		Task: pipeline.Classification, Classes: 2,
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{1}}}, Labels: []pipeline.Tensor{{Name: "y", DType: "int64"}},
	}
	records := func(values ...string) (all []stream.Record) {
		for i, v := range values {
			all = append(all, stream.Record{Topic: "a", Partition: 1, Offset: int64(i), Value: []byte(v)})
		}
		return all
	}
	all := records(`{"x":1,"y":0}`, `{"x":null,"y":0}`, `{"x":2,"y":1}`, `{"x":3,"y":9}`, `not JSON`, `{"x":4,"y":1}`)
	for _, memory := range []int64{memoryBytes, 0} {
		decoder, err := features.ForTraining(pipeline.JSON, json.RawMessage(`{"inputs":"x","label":"y","on_bad":{"skip":3}}`), export, false)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newCache(t.TempDir(), decoder.Inputs(), decoder.Labels(), int64(len(all)), memory)
		if err != nil {
			t.Fatal(err)
		}
		bad := newSkips(decoder.Tolerance(), int64(len(all)))
		in := &intake{decoder: decoder, bad: bad, export: export, checks: features.NewChecks(export, decoder), cache: c, hash: newHasher(), values: newValues(decoder, export)}
		for _, r := range all {
			if err := in.take(t.Context(), r, &reporter{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.seal(); err != nil {
			t.Fatal(err)
		}
		rows, err := c.rows(0, int(c.records), make([]byte, 1000))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for ; len(rows) > 0; rows = rows[c.row:] {
			got = append(got, fmt.Sprint(math.Float32frombits(binary.LittleEndian.Uint32(rows)), binary.LittleEndian.Uint64(rows[4:])))
		}
		if strings.Join(got, ", ") != "1 0, 2 1, 4 1" {
			t.Errorf("with %d bytes of memory the cache holds %v", memory, got)
		}
		audit := bad.audit()
		if audit.Records != 3 || len(audit.First) != 3 || audit.First[0].Offset != 1 || audit.First[1].Offset != 3 || audit.First[2].Partition != 1 ||
			!strings.Contains(audit.First[0].Reason, `"x" is null`) || !strings.Contains(audit.First[1].Reason, "label 9: the model has the classes 0 to 1") {
			t.Errorf("kept of them: %+v", audit)
		}
		err = bad.take(stream.Record{Topic: "a", Offset: 9}, errors.New("is not JSON"), in.refuse)
		var refusal *pipeline.Error
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), `more than 3 records are at fault`) || !strings.Contains(err.Error(), `a[1]@1: value: "x" is null`) || !strings.Contains(refusal.Hint, "on_bad") {
			t.Errorf("a fourth: %v", err)
		}
		in.hash.close()
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
	}
}
