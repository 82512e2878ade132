package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Windows and types that a model widens are bounded as records are.
func TestAttackWindowsAskForMemory(t *testing.T) {
	wide := []pipeline.Tensor{tensor("x", "float32", -1, -1)}
	for name, c := range map[string]struct {
		format pipeline.Format
		config string
		inputs []pipeline.Tensor
		says   string
	}{
		"long windows":            {pipeline.RAW, `{"data_type":"float32","data_reshape":"32","window":{"by":"key","size":1048576}}`, wide, "window.size"},
		"windows of wide records": {pipeline.RAW, `{"data_type":"uint8","data_reshape":"1048576","window":{"by":"key","size":65}}`, wide, "window.size"},
		"a type that grows":       {pipeline.RAW, `{"data_type":"uint8","data_reshape":"8388609"}`, []pipeline.Tensor{tensor("x", "int64", -1)}, "more than 64 MiB"},
		"many keys":               {pipeline.RAW, `{"data_type":"float32","data_reshape":"8","window":{"by":"key","size":1000,"keys":1000000}}`, wide, "name at most"},
		"a mapping":               {pipeline.JSON, `{"inputs":{"x":"a"}}`, []pipeline.Tensor{tensor("x", "float32", 1<<15, 1<<15)}, "more than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.format, json.RawMessage(c.config), codec.Binding{Inputs: c.inputs})
			var refusal *pipeline.Error
			if !errors.As(err, &refusal) || refusal.Kind != pipeline.Invalid || refusal.Hint == "" || !strings.Contains(err.Error()+refusal.Field+refusal.Hint, c.says) {
				t.Errorf("got %v, which is to say %q", err, c.says)
			}
		})
	}
}

// Each key takes the room of a window with its first record; of so many keys as
// there is no memory for, the oldest are forgotten.
func TestAttackManyKeys(t *testing.T) {
	d, err := New(pipeline.RAW, json.RawMessage(`{"data_type":"uint8","data_reshape":"1","window":{"by":"key","size":100000}}`),
		codec.Binding{Inputs: []pipeline.Tensor{tensor("x", "uint8", -1, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	if keys := d.Window().Keys; keys < 1000 || keys > 10_000 {
		t.Errorf("%d keys are kept of windows of 100,000 records", keys)
	}
	w := d.NewPreview()
	const keys = 300
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range keys {
		r := stream.Record{Key: fmt.Append(nil, i), Value: []byte{1}, Offset: int64(i)}
		if _, err := w.Read(&r); err != nil {
			t.Fatal(err)
		}
		w.Add(&r, false)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 2*PreviewMemory {
		t.Errorf("%d keys of a preview took %d bytes", keys, took)
	}
	if c := w.Counts(); c.Forgotten == 0 || c.Records != keys {
		t.Errorf("counted %+v", c)
	}
}
