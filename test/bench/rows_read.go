package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// readAndDecode compares reading a stream into tensors, as a training does,
// with the fastest client's reading of the same records without looking at
// them.
func readAndDecode(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	raw, err := b.send(ctx, d, 1, b.scaled(400_000, 20_000))
	if err != nil {
		return nil, err
	}
	decoder, err := codec.New(pipeline.RAW, d.config(), d.binding())
	if err != nil {
		return nil, err
	}
	first, err := b.readBoth(ctx, "RAW, 784 B", raw.ranges[0], decoder, 0.5)
	if err != nil {
		return nil, err
	}
	found := []finding{first}
	for _, framed := range []bool{false, true} {
		what := "AVRO"
		if framed {
			what += " of a registry"
		}
		measurements, decoder, err := b.measurements(ctx, b.scaled(500_000, 20_000), framed)
		if err != nil {
			return nil, err
		}
		next, err := b.readBoth(ctx, fmt.Sprintf("%s, %d floats", what, features), measurements, decoder, 0.15)
		if err != nil {
			return nil, err
		}
		found = append(found, next)
	}
	return found, nil
}

// readBoth reads a range in turn by kafkaml and by franz-go.
func (b *bench) readBoth(ctx context.Context, what string, r pipeline.Range, decoder *codec.Decoder, mark float64) (finding, error) {
	var ours, theirs []float64
	for range b.runs {
		took, err := times(func() error { return b.readTensors(ctx, r, decoder) })
		if err != nil {
			return finding{}, err
		}
		ours = append(ours, float64(r.Length)/took.Seconds())
		if took, err = times(func() error { return b.readRaw(ctx, r) }); err != nil {
			return finding{}, err
		}
		theirs = append(theirs, float64(r.Length)/took.Seconds())
		fmt.Fprintf(os.Stderr, "    %s: kafkaml %s, franz-go %s\n", what, rate(ours[len(ours)-1]), rate(theirs[len(theirs)-1]))
	}
	return more("read and decode, "+what, median(ours), "franz-go, raw read", median(theirs), mark), nil
}

// readTensors decodes a range into the memory of its tensors.
func (b *bench) readTensors(ctx context.Context, r pipeline.Range, decoder *codec.Decoder) error {
	in, label := decoder.Inputs()[0].Bytes(), decoder.Labels()[0].Bytes()
	memory := make([]byte, r.Length*int64(in+label))
	inputs, labels := make([][]byte, 1), make([][]byte, 1)
	at := 0
	return b.cluster.Read(ctx, r, func(record stream.Record) error {
		inputs[0], labels[0] = memory[at:at+in], memory[at+in:at+in+label]
		at += in + label
		return decoder.Record(inputs, labels, record.Key, record.Value)
	})
}

// readRaw reads a range with franz-go and counts.
func (b *bench) readRaw(ctx context.Context, r pipeline.Range) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(b.broker.Addr), kgo.FetchMaxBytes(50<<20), kgo.FetchMaxPartitionBytes(10<<20),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: {0: kgo.NewOffset().At(r.Offset)}}))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for n := int64(0); n < r.Length; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		n += int64(fetches.NumRecords())
	}
	return nil
}

// features of a record of the tabular stream, as many as the example of
// breast cancer has.
const features = 30

// measurements sends n AVRO records with a field for each feature, alone or with
// the framing of a schema registry.
func (b *bench) measurements(ctx context.Context, n int, framed bool) (pipeline.Range, *codec.Decoder, error) {
	config, err := avroConfig()
	if err != nil {
		return pipeline.Range{}, nil, err
	}
	decoder, err := codec.New(pipeline.AVRO, config, (&dataset{shape: []int{features}}).binding())
	if framed {
		decoder, err = framedDecoder()
	}
	if err != nil {
		return pipeline.Range{}, nil, err
	}
	encoder, err := codec.NewEncoder(pipeline.AVRO, config)
	if err != nil {
		return pipeline.Range{}, nil, err
	}
	d := &dataset{name: "measurements", count: n}
	random := rand.New(rand.NewPCG(3, 4)) // #nosec G404 -- data, not a secret
	row := make([]byte, 4*features)
	for range n {
		for i := 0; i < len(row); i += 4 {
			binary.LittleEndian.PutUint32(row[i:], math.Float32bits(random.Float32()))
		}
		if framed {
			d.values = append(d.values, framing...)
		}
		if d.values, err = encoder.Sample(d.values, codec.Array{DType: codec.Float32, Data: row}); err != nil {
			return pipeline.Range{}, nil, err
		}
		label := codec.Array{DType: codec.Uint8, Data: []byte{row[0] & 1}}
		if d.labels, err = encoder.Label(d.labels, label); err != nil {
			return pipeline.Range{}, nil, err
		}
		if framed {
			if d.values, err = encoder.Label(d.values, label); err != nil {
				return pipeline.Range{}, nil, err
			}
		}
	}
	s, err := b.send(ctx, d, 1, n)
	if err != nil {
		return pipeline.Range{}, nil, err
	}
	return s.ranges[0], decoder, nil
}

// framing is that of a schema registry, before measurements of schema 1.
var framing = []byte{0, 0, 0, 0, 1}

// framedDecoder decodes measurements that a schema registry frames, with the
// label as the last field. It knows their schema.
func framedDecoder() (*codec.Decoder, error) {
	var fields, names []string
	for i := range features {
		fields, names = append(fields, fmt.Sprintf(`{"name": "feature%d", "type": "float"}`, i)), append(names, fmt.Sprintf("feature%d", i))
	}
	config, err := json.Marshal(map[string]any{"data_fields": names, "label_field": "benign"})
	if err != nil {
		return nil, err
	}
	binding := (&dataset{shape: []int{features}}).binding()
	binding.Registry = true
	decoder, err := codec.New(pipeline.AVRO, config, binding)
	if err != nil {
		return nil, err
	}
	schema := codec.Schema{Text: `{"type": "record", "name": "data", "fields": [` + strings.Join(fields, ", ") + `, {"name": "benign", "type": "int"}]}`}
	var lacks *codec.Missing
	if errors.As(decoder.Sample([][]byte{make([]byte, decoder.Inputs()[0].Bytes())}, framing), &lacks) {
		lacks.Learn(schema)
	}
	if errors.As(decoder.Label([][]byte{make([]byte, decoder.Labels()[0].Bytes())}, framing), &lacks) {
		lacks.Learn(schema)
	}
	return decoder, nil
}

// avroConfig is the input_config of the tabular stream.
func avroConfig() (json.RawMessage, error) {
	var fields []string
	for i := range features {
		fields = append(fields, fmt.Sprintf(`{"name": "feature%d", "type": "float"}`, i))
	}
	data := fmt.Sprintf(`{"type": "record", "name": "data", "fields": [%s]}`, strings.Join(fields, ", "))
	const label = `{"type": "record", "name": "label", "fields": [{"name": "benign", "type": "int"}]}`
	return json.Marshal(map[string]json.RawMessage{"data_scheme": json.RawMessage(data), "label_scheme": json.RawMessage(label)})
}
