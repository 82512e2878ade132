package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// protobufFloor is how many records of 40 fields, of which it takes 12, a
// processor is to read in a second.
const protobufFloor = 600_000

// wideRecord is one record of 40 fields (floats, whole numbers, texts), framed by
// a schema registry as schema 1, and the 12 of them that a model takes.
type wideRecord struct {
	format pipeline.Format
	schema string
	record []byte
	taken  []string
}

const (
	wideFields = 40
	wideTaken  = 12
)

// takenOfWide are the names of the fields that are taken: none of text.
func takenOfWide() (names []string) {
	for i := 0; len(names) < wideTaken; i++ {
		if i%4 != 2 && i%3 != 1 {
			names = append(names, fmt.Sprintf("f%d", i))
		}
	}
	return names
}

const wideText = "a text of some length"

func wideProtobuf() wideRecord {
	var schema strings.Builder
	body := append(append([]byte{}, framing...), 0) // the first message of the file
	schema.WriteString("syntax = \"proto3\"; message M {\n")
	for i := range wideFields {
		number := protowire.Number(i + 1) // #nosec G115 -- a few
		kind := [...]string{"double", "int64", "string", "float"}[i%4]
		fmt.Fprintf(&schema, "%s f%d = %d;\n", kind, i, number)
		switch kind {
		case "double":
			body = protowire.AppendFixed64(protowire.AppendTag(body, number, protowire.Fixed64Type), math.Float64bits(float64(i)+.5))
		case "int64":
			body = protowire.AppendVarint(protowire.AppendTag(body, number, protowire.VarintType), uint64(1_000_000+i)) // #nosec G115 -- a few
		case "string":
			body = protowire.AppendString(protowire.AppendTag(body, number, protowire.BytesType), wideText)
		default:
			body = protowire.AppendFixed32(protowire.AppendTag(body, number, protowire.Fixed32Type), math.Float32bits(float32(i)+1))
		}
	}
	schema.WriteString("}")
	return wideRecord{pipeline.PROTOBUF, schema.String(), body, takenOfWide()}
}

func wideAvro() wideRecord {
	body := bytes.Clone(framing)
	var fields []string
	for i := range wideFields {
		kind := [...]string{"double", "long", "string", "float"}[i%4]
		fields = append(fields, fmt.Sprintf(`{"name": "f%d", "type": %q}`, i, kind))
		switch kind {
		case "double":
			body = binary.LittleEndian.AppendUint64(body, math.Float64bits(float64(i)+.5))
		case "long":
			body = binary.AppendVarint(body, int64(1_000_000+i))
		case "string":
			body = append(binary.AppendVarint(body, int64(len(wideText))), wideText...)
		default:
			body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(i)+1))
		}
	}
	return wideRecord{pipeline.AVRO, `{"type": "record", "name": "M", "fields": [` + strings.Join(fields, ", ") + `]}`, body, takenOfWide()}
}

// decoder reads the taken fields, and knows the schema.
func (w wideRecord) decoder() (*codec.Decoder, error) {
	config, err := json.Marshal(map[string]any{"data_fields": w.taken})
	if err != nil {
		return nil, err
	}
	d, err := codec.New(w.format, config, codec.Binding{Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{wideTaken}}}, Registry: true})
	if err != nil {
		return nil, err
	}
	schema := codec.Schema{Text: w.schema}
	if w.format != pipeline.AVRO {
		schema.Type = string(w.format)
	}
	var lacks *codec.Missing
	if errors.As(d.Sample([][]byte{make([]byte, d.Inputs()[0].Bytes())}, w.record), &lacks) {
		lacks.Learn(schema)
	}
	return d, nil
}

// takeFramed compares reading what a schema registry frames with Confluent's own
// deserializers for Python and the code that picks the numbers.
func takeFramed(ctx context.Context, b *bench) ([]finding, error) {
	_, site, err := toolchain.Schemas()
	if err != nil {
		return nil, err
	}
	var all []finding
	for _, w := range []wideRecord{wideAvro(), wideProtobuf()} {
		ours, theirs, err := w.measure(ctx, b, site)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.format, err)
		}
		what := fmt.Sprintf("%s of a registry, %d of %d fields", w.format, wideTaken, wideFields)
		if w.format == pipeline.PROTOBUF {
			all = append(all, more(what, median(ours), "floor", protobufFloor, 1))
		}
		all = append(all, more(what, median(ours), "confluent-kafka's deserializer", median(theirs), 1))
	}
	return all, nil
}

func (w wideRecord) measure(ctx context.Context, b *bench, site string) (ours, theirs []float64, err error) {
	d, err := w.decoder()
	if err != nil {
		return nil, nil, err
	}
	n := b.scaled(1_000_000, 20_000)
	dst := [][]byte{make([]byte, d.Inputs()[0].Bytes())}
	for range b.runs {
		took, err := times(func() error {
			for range n {
				if err := d.Sample(dst, w.record); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		out, err := b.printed(ctx, "framed.py", site, string(w.format), w.schema, hex.EncodeToString(w.record), strings.Join(w.taken, ","), strconv.Itoa(n/20))
		if err != nil {
			return nil, nil, err
		}
		rate, sum, err := twoNumbers(out)
		if err != nil {
			return nil, nil, err
		}
		mine, err := codec.Floats(dst[0], d.Inputs()[0].DType)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range mine {
			sum -= v
		}
		if math.Abs(sum) > 1e-3 {
			return nil, nil, fmt.Errorf("the two sides read other numbers: they differ by %g", sum)
		}
		ours, theirs = append(ours, float64(n)/took.Seconds()), append(theirs, rate)
		fmt.Fprintf(os.Stderr, "    %s: kafkaml %.0f k/s, Python %.0f k/s\n", w.format, ours[len(ours)-1]/1e3, rate/1e3)
	}
	return ours, theirs, nil
}

func twoNumbers(out []byte) (a, b float64, err error) {
	_, err = fmt.Sscan(string(out), &a, &b)
	return a, b, err
}
