package deployinference

import (
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// hop is the way of a record through an inference.
type hop struct {
	by    pipeline.Inference
	to    string // topic
	field string // of the inference
}

// hops are the ways out of an inference.
func hops(i pipeline.Inference) []hop {
	return []hop{{i, i.OutputTopic, "output_topic"}, {i, i.DeadLetter, "dead_letter_topic"}}
}

// checkLoops refuses an inference by which a record could come back to a topic
// that it came from, through whatever inferences there are, also those that are
// stopped. It must run in the transaction that stores the inference: two that
// close a circle together are then seen by the second one.
func checkLoops(tx *registry.Tx, i pipeline.Inference) error {
	page, err := tx.Inferences(registry.Query{})
	if err != nil {
		return err
	}
	from := map[string][]hop{} // by input topic
	for _, other := range page.Items {
		if other.ID != i.ID {
			from[other.InputTopic] = append(from[other.InputTopic], hops(other)...)
		}
	}
	for _, first := range hops(i) {
		way := wayTo(i.InputTopic, first, from, map[string]bool{})
		if way == nil {
			continue
		}
		return pipeline.Invalidf(first.field, "a record would go round for ever: %s", told(i.InputTopic, way)).
			WithHint("write to a topic that does not lead back to %s", i.InputTopic)
	}
	return nil
}

// wayTo is a way of a record to a topic that begins with first, nil where there
// is none.
func wayTo(topic string, first hop, from map[string][]hop, seen map[string]bool) []hop {
	if first.to == topic {
		return []hop{first}
	}
	if seen[first.to] {
		return nil
	}
	seen[first.to] = true
	for _, next := range from[first.to] {
		if way := wayTo(topic, next, from, seen); way != nil {
			return append([]hop{first}, way...)
		}
	}
	return nil
}

// told is a way in words.
func told(start string, way []hop) string {
	var text strings.Builder
	text.WriteString(start)
	for _, h := range way {
		name := "this inference"
		if h.by.ID != 0 && h.by.Name != "" {
			name = fmt.Sprintf("inference %d, %s", h.by.ID, h.by.Name)
		}
		fmt.Fprintf(&text, " -> %s (%s of %s)", h.to, h.field, name)
	}
	return text.String()
}
