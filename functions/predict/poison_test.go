package predict

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// Two inferences with crossed dead letters, of an installation that does not see
// both: the record that neither can read ends after MaxHops, and is counted.
func TestAttackRecordThatGoesRound(t *testing.T) {
	c := streamtest.Cluster(t)
	one := directJob(t, c, 1)
	two := directJob(t, c, 1)
	two.Inference, two.InputTopic, one.DeadLetter, two.DeadLetter = 8, streamtest.Topic(t, c, 1), "", one.InputTopic
	one.DeadLetter = two.InputTopic
	if _, err := c.Produce(t.Context(), one.InputTopic, 0, []stream.Record{{Value: []byte("bad")}}); err != nil {
		t.Fatal(err)
	}
	services := []*service{start(t, c, "words", one), start(t, c, "words", two)}
	for _, s := range services {
		defer consumeUntilEnd(t, s)()
	}
	for deadline := time.Now().Add(2 * time.Minute); ; <-time.After(10 * time.Millisecond) {
		given := 0
		for _, s := range services {
			shown := httptest.NewRecorder()
			s.metrics.handler().ServeHTTP(shown, httptest.NewRequest("GET", "/", nil))
			given += strings.Count(shown.Body.String(), "kafkaml_predict_given_up_total 1\n")
		}
		if given == 1 {
			break
		}
		if given > 1 || time.Now().After(deadline) {
			t.Fatalf("%d records were given up", given)
		}
	}
	all := len(await(t, c, one.InputTopic, 1)) + len(await(t, c, two.InputTopic, 1))
	if all != 1+pipeline.MaxHops {
		t.Errorf("the topics hold %d records", all)
	}
}

// A record that a delivery cannot carry, or whose letter is larger than the topic
// of dead letters takes, goes there with the reason, and what is left of it.
func TestAttackRecordThatCannotBeCarried(t *testing.T) {
	c := streamtest.Kafka(t)
	many := make([]stream.Header, 9_900)
	for i := range many {
		many[i] = stream.Header{Key: fmt.Sprintf("h%d", i), Value: bytes.Repeat([]byte("v"), 88)}
	}
	good := value(t, "words", codec.Int32, 1)
	bad := map[string]stream.Record{
		"9,900 headers":       {Key: []byte("k"), Value: good, Headers: many},
		"a control character": {Key: []byte("k"), Value: good, Headers: []stream.Header{{Key: "x", Value: []byte("a\x00b")}}},
	}
	for name, r := range bad {
		for _, delivery := range []pipeline.Delivery{pipeline.Source, pipeline.Direct} {
			t.Run(name+" by "+string(delivery), func(t *testing.T) {
				job := newJob(t, c, "words", 1)
				job.Delivery, job.DeadLetter = delivery, streamtest.Name(t)
				if err := c.CreateTopic(t.Context(), job.DeadLetter, 1, map[string]string{"max.message.bytes": "4000"}); err != nil {
					t.Fatal(err)
				}
				if delivery == pipeline.Direct {
					r.Value = append([]byte("at fault, else it were predicted"), bytes.Repeat([]byte("v"), 5000)...)
				}
				if _, err := c.Produce(t.Context(), job.InputTopic, 0, []stream.Record{r, {Value: good}}); err != nil {
					t.Fatal(err)
				}
				s := start(t, c, "words", job)
				if delivery == pipeline.Direct {
					defer consumeUntilEnd(t, s)()
				} else {
					defer dispatch(t, c, job.InputTopic, serveHTTP(t, s).URL)()
				}
				letter := await(t, c, job.DeadLetter, 1)[0]
				h := headersOf(letter)
				if h[pipeline.HeaderSourceOffset] != "0" || h[pipeline.HeaderSourceTopic] != job.InputTopic {
					t.Errorf("the letter is of %q", h)
				}
				reason := h[pipeline.HeaderError]
				switch delivery {
				case pipeline.Source:
					if !strings.Contains(reason, "could not be delivered") || string(letter.Key) != "k" || !bytes.Equal(letter.Value, good) {
						t.Errorf("%q, key %q", reason, letter.Key)
					}
				case pipeline.Direct:
					if !strings.Contains(reason, "its headers were left out") || !strings.Contains(reason, "so were its key and value") {
						t.Errorf("%q", reason)
					}
				}
				await(t, c, job.OutputTopic, 1) // the next one is not held up
			})
		}
	}
}
