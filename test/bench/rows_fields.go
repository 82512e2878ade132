package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	mapping "github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// nested is a record as companies have them, of which ten numbers and a label are
// taken by nestedMapping.
const nested = `{"id":"3f1c9d1e-77aa-4a0e-9d54-0a7d3c5b1c11","at":1718040000123,` +
	`"card":{"country":"DE","number":"4111-xxxx","limits":{"day":2500.0,"month":10000}},` +
	`"payment":{"amount":129.99,"currency":"EUR","items":[{"sku":"a1","price":99.5},{"sku":"b2","price":30.49}]},` +
	`"history":[0.1,0.25,1.5,2.75],"fraud":0}`

const nestedMapping = `{"inputs":["payment.amount","card.limits.day","card.limits.month","payment.items[0].price","payment.items[1].price",` +
	`"history",{"path":"at","as":"hour"}],"label":"fraud"}`

// nestedFloor is how many of them a processor is to take a second.
const nestedFloor = 400_000

// takeFields compares taking numbers out of nested JSON by a mapping with Python's
// fastest parser and the code that picks them.
func takeFields(ctx context.Context, b *bench) ([]finding, error) {
	binding := codec.Binding{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{10}}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "int64", Shape: []int{}}},
	}
	decoder, err := mapping.New(pipeline.JSON, json.RawMessage(nestedMapping), binding)
	if err != nil {
		return nil, err
	}
	n := b.scaled(1_000_000, 20_000)
	var ours, theirs []float64
	for range b.runs {
		took, err := times(func() error { return decodeAgain(decoder, n) })
		if err != nil {
			return nil, err
		}
		ours = append(ours, float64(n)/took.Seconds())
		out, err := b.printed(ctx, "fields.py", nested, strconv.Itoa(n/4))
		if err != nil {
			return nil, err
		}
		r, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, r)
		fmt.Fprintf(os.Stderr, "    nested JSON: kafkaml %s, Python %s\n", rate(ours[len(ours)-1]), rate(r))
	}
	floor := more("nested JSON by a mapping", median(ours), "floor", nestedFloor, 1)
	return []finding{floor, more("nested JSON by a mapping", median(ours), "Python, orjson and numpy", median(theirs), 1)}, nil
}

func decodeAgain(d *mapping.Decoder, n int) error {
	inputs, labels := [][]byte{make([]byte, d.Inputs()[0].Bytes())}, [][]byte{make([]byte, d.Labels()[0].Bytes())}
	r := stream.Record{Value: []byte(nested)}
	for range n {
		if err := d.Record(inputs, labels, &r); err != nil {
			return err
		}
	}
	return nil
}
