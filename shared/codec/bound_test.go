package codec

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A few bytes of a message do not ask for memory: shapes are refused by their
// size before anything is made of them.
func TestAttackAShapeAsksForMemory(t *testing.T) {
	open := []pipeline.Tensor{tensor("x", "float32", -1)}
	for name, c := range map[string]struct {
		format pipeline.Format
		config string
		b      Binding
		says   string
	}{
		"many elements":             {pipeline.RAW, `{"data_type":"uint8","data_reshape":"268435456"}`, Binding{Inputs: open}, "more than"},
		"a product that overflows":  {pipeline.RAW, `{"data_type":"uint8","data_reshape":"4294967296 4294967296 4294967296"}`, Binding{Inputs: open}, "more than"},
		"wide elements":             {pipeline.RAW, `{"data_type":"float64","data_reshape":"8192 1025"}`, Binding{Inputs: open}, "more than 64 MiB"},
		"a label":                   {pipeline.RAW, `{"data_type":"uint8","data_reshape":"1","label_type":"float64","label_reshape":"8388609"}`, Binding{Inputs: open, Labels: []pipeline.Tensor{tensor("y", "float64", -1)}}, "more than 64 MiB"},
		"many sizes":                {pipeline.RAW, `{"data_type":"uint8","data_reshape":"` + strings.Repeat("1 ", 1000) + `"}`, Binding{Inputs: open}, "32 sizes"},
		"a model of such a size":    {pipeline.JSON, `{"data_fields":["x"]}`, Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 1<<20, 1<<20)}}, "more than 64 MiB"},
		"inputs that are too large": {pipeline.JSON, `{}`, Binding{Inputs: []pipeline.Tensor{tensor("a", "float32", 9<<20), tensor("b", "float32", 9<<20)}}, "more than 64 MiB"},
		"text without end":          {pipeline.JSON, `{"data_fields":["x"]}`, Binding{Inputs: []pipeline.Tensor{tensor("x", "string", 1<<24)}}, "more than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			took := allocated(func() {
				_, err := New(c.format, json.RawMessage(c.config), c.b)
				if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 1000 {
					t.Errorf("got %v, which is to say %q", err, c.says)
				}
			})
			if took > 4<<20 {
				t.Errorf("%d bytes were taken to refuse it", took)
			}
		})
	}
	if _, err := New(pipeline.RAW, json.RawMessage(`{"data_type":"float64","data_reshape":"8192 1024"}`), Binding{Inputs: open}); err != nil {
		t.Errorf("64 MiB: %v", err)
	}
}

// allocated is the memory that f takes in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
