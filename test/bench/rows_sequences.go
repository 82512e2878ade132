package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	mapping "github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// What a window of the row is: its records are nested, ten numbers of each.
const (
	windowSize   = 24
	windowKeys   = 1_000
	manyKeys     = 50_000
	windowMember = `{"window":{"by":"key","size":24},`
	rawWindows   = windowMember + `"data_type":"float32","data_reshape":"10"}`
	windowFloor  = 300_000
)

// takeWindows compares windows of 24 records over 1,000 keys with Python's deques,
// each window copied for the model, and measures what a key takes in memory.
func takeWindows(ctx context.Context, b *bench) ([]finding, error) {
	n := b.scaled(1_000_000, 20_000)
	var ours, raw, theirs []float64
	for range b.runs {
		for _, of := range []struct {
			format pipeline.Format
			config string
			value  []byte
			into   *[]float64
		}{{pipeline.JSON, windowMember + nestedMapping[1:], []byte(nested), &ours}, {pipeline.RAW, rawWindows, make([]byte, 40), &raw}} {
			w, err := openWindows(of.format, of.config)
			if err != nil {
				return nil, err
			}
			if err := w.fill(of.value, windowKeys); err != nil {
				return nil, err
			}
			took, err := times(func() error { return w.take(of.value, windowKeys, n) })
			if err != nil {
				return nil, err
			}
			*of.into = append(*of.into, float64(n)/took.Seconds())
		}
		out, err := b.printed(ctx, "windows.py", nested, strconv.Itoa(windowKeys), strconv.Itoa(n/10))
		if err != nil {
			return nil, err
		}
		r, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			return nil, err
		}
		theirs = append(theirs, r)
		fmt.Fprintf(os.Stderr, "    windows: kafkaml %s (of RAW %s), Python %s\n", rate(ours[len(ours)-1]), rate(raw[len(raw)-1]), rate(r))
	}
	const what = "windows of 24 records over 1,000 keys"
	found := []finding{
		more(what+", nested JSON", median(ours), "floor", windowFloor, 1),
		more(what+", nested JSON", median(ours), "Python, orjson, deques and numpy", median(theirs), 1),
		more(what+", RAW", median(raw), "floor", windowFloor, 1),
	}
	few, err := keyBytes(windowKeys)
	if err != nil {
		return nil, err
	}
	many, err := keyBytes(manyKeys)
	if err != nil {
		return nil, err
	}
	return append(found, finding{
		what: "memory of a key, 24 records of ten float32", ours: fmt.Sprintf("%.0f B at %d keys", many, manyKeys),
		against: fmt.Sprintf("the same at %d keys", windowKeys), theirs: fmt.Sprintf("%.0f B", few), ratio: few / many, mark: 0.9, rule: "linear in keys",
	}), nil
}

// windowsOf takes records of so many keys in turn.
type windowsOf struct {
	*mapping.Windows
	inputs [][]byte
	keys   [][]byte
	offset int64
}

func openWindows(format pipeline.Format, config string) (*windowsOf, error) {
	d, err := mapping.New(format, json.RawMessage(config), codec.Binding{Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{windowSize, 10}}}})
	if err != nil {
		return nil, err
	}
	w := &windowsOf{Windows: d.NewWindows(), inputs: [][]byte{make([]byte, d.Inputs()[0].Bytes())}}
	for i := range manyKeys {
		w.keys = append(w.keys, fmt.Appendf(nil, "k%d", i))
	}
	return w, nil
}

// fill gives each key the records of a window.
func (w *windowsOf) fill(value []byte, keys int) error {
	for range windowSize * keys {
		if _, err := w.next(value, keys); err != nil {
			return err
		}
	}
	return nil
}

// take makes n windows.
func (w *windowsOf) take(value []byte, keys, n int) error {
	for range n {
		full, err := w.next(value, keys)
		if err != nil {
			return err
		}
		if !full {
			return fmt.Errorf("record %d makes no window", w.offset)
		}
	}
	return nil
}

func (w *windowsOf) next(value []byte, keys int) (bool, error) {
	r := stream.Record{Key: w.keys[w.offset%int64(keys)], Value: value, Offset: w.offset}
	w.offset++
	return w.Sample(w.inputs, &r)
}

// keyBytes is what a key takes on the heap, where so many have a window.
func keyBytes(keys int) (float64, error) {
	w, err := openWindows(pipeline.RAW, rawWindows)
	if err != nil {
		return 0, err
	}
	before := heap()
	if err := w.fill(make([]byte, 40), keys); err != nil {
		return 0, err
	}
	after := heap()
	runtime.KeepAlive(w)
	return float64(after-before) / float64(keys), nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) // #nosec G115 -- far below
}
