package output

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// errHops marks a record that came through too many inferences.
var errHops = errors.New("too many inferences")

// GivenUp reports whether a record is not even for the dead-letter topic: that
// may be a part of the circle which it runs in.
func GivenUp(err error) bool { return errors.Is(err, errHops) }

// CheckHops refuses a record that came through too many inferences.
func CheckHops(in *stream.Record) error {
	n := hops(in)
	if n < pipeline.MaxHops {
		return nil
	}
	return &pipeline.Error{
		Op: "predict", Kind: pipeline.Invalid, Field: pipeline.HeaderHops, Err: errHops,
		Reason: fmt.Sprintf("the record came through %d inferences, each of which wrote what the next one reads", n),
		Hint:   "the topics of these inferences form a circle: change one of them",
	}
}

// hops is how many inferences made a record one out of another's. What the first
// one makes does not count them yet: it shows by being a prediction or a dead
// letter.
func hops(in *stream.Record) (n int) {
	for i := range in.Headers {
		switch h := &in.Headers[i]; {
		case isHops(h.Key):
			if said, err := strconv.Atoi(string(h.Value)); err == nil && said > n {
				n = said
			}
		case h.Key == "ce_type" && string(h.Value) == eventing.PredictionMade, h.Key == pipeline.HeaderError:
			n = max(n, 1)
		}
	}
	return n
}

// isHops reports whether a header is HeaderHops, also as it comes in an event.
func isHops(header string) bool {
	const inEvent = "kafkamlhops"
	return len(header) >= len(inEvent) && len(header) <= len(pipeline.HeaderHops) &&
		(strings.EqualFold(header, pipeline.HeaderHops) || strings.EqualFold(header, inEvent))
}

// carried are the headers of a record that what is made of it keeps, and those
// that count the hops.
func carried(to []stream.Header, in *stream.Record, keep func(string) bool) []stream.Header {
	for _, h := range in.Headers {
		if keep(h.Key) && !isHops(h.Key) {
			to = append(to, h)
		}
	}
	if n := hops(in); n > 0 {
		to = append(to, stream.Header{Key: pipeline.HeaderHops, Value: strconv.AppendInt(nil, int64(n)+1, 10)})
	}
	return to
}
