package streaming

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Prediction is a record of an output topic, decoded.
type Prediction struct {
	Partition int             `json:"partition"`
	Offset    int64           `json:"offset"`
	Time      time.Time       `json:"time"`
	Key       string          `json:"key,omitempty"` // as text, or 0x and hexadecimal
	ID        string          `json:"id,omitempty"`  // of the event: the same for a prediction made twice
	Values    json.RawMessage `json:"values,omitempty"`
	Class     *int            `json:"class,omitempty"` // position of the highest of several values
	Error     string          `json:"error,omitempty"` // of a dead letter, or why the value cannot be read
	Latency   *float64        `json:"latency_ms,omitempty"`

	input origin
}

// origin is the input record that a prediction was made from.
type origin struct {
	topic     string
	partition int
	offset    int64
}

// decode reads a record of an output or dead-letter topic. One that cannot be
// read says why in Error.
func decode(r stream.Record) Prediction {
	out := pipeline.ReadOutput(r.Value, r.Header)
	p := Prediction{Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.KeyText(), ID: out.ID, Values: out.Values, Error: out.Error}
	if topic, partition, offset, ok := pipeline.ParsePredictionID(p.ID); ok {
		p.input = origin{topic: topic, partition: partition, offset: offset}
	}
	if p.Error == "" {
		p.Class = argmax(p.Values)
	}
	return p
}

// argmax is the position of the highest of two or more numbers, nil for
// anything else. The first of equals wins, as in NumPy.
func argmax(values json.RawMessage) *int {
	var numbers []float64
	if json.Unmarshal(values, &numbers) != nil || len(numbers) < 2 {
		return nil
	}
	best := 0
	for i, v := range numbers {
		if v > numbers[best] {
			best = i
		}
	}
	return &best
}

// maxShown is how many values of one output are shown to a person.
const maxShown = 12

// maxText is how many characters of a text are shown to a person.
const maxText = 60

// shown is the values as a person reads them: four digits, the end of long
// arrays and texts left out.
func shown(values json.RawMessage) string {
	var v any
	if json.Unmarshal(values, &v) != nil {
		return string(values)
	}
	left := maxShown
	return strings.TrimSpace(shorten(v, &left))
}

func shorten(v any, left *int) string {
	switch v := v.(type) {
	case float64:
		*left--
		return strconv.FormatFloat(v, 'g', 4, 64)
	case string:
		*left--
		if runes := []rune(v); len(runes) > maxText {
			v = string(runes[:maxText]) + "…"
		}
		return string(codec.AppendQuoted(nil, []byte(v)))
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+" "+shorten(v[name], left))
		}
		return strings.Join(parts, "  ")
	case []any:
		var parts []string
		for _, item := range v {
			if *left <= 0 {
				parts = append(parts, "...")
				break
			}
			parts = append(parts, shorten(item, left))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	*left--
	return fmt.Sprint(v)
}
