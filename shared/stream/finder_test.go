package stream_test

import (
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A record is found by its place, exactly as it was sent; one that was aborted is
// none.
func TestFinder(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic := streamtest.Topic(t, c, 2)
		sent := numbered(40)
		for i := range sent {
			sent[i].Headers = []stream.Header{{Key: "X-Id", Value: []byte{0xff, byte(i)}}, {Key: "x-id"}}
		}
		produce(t, c, topic, 1, sent[:25])
		produce(t, c, topic, 1, sent[25:])
		streamtest.NewTransactions(t, c).Send(topic, 1, never(1), false) // 40
		f := c.NewFinder(topic)
		for _, offset := range []int64{30, 3, 0, 24, 25, 39, 3} {
			r, err := f.Find(t.Context(), 1, offset)
			if err != nil || r.Offset != offset || string(r.Value) != string(sent[offset].Value) || len(r.Headers) != 2 || r.Headers[0].Value[1] != byte(offset) {
				t.Errorf("%d: %+v, %v", offset, r, err)
			}
		}
		for _, offset := range []int64{40, 41, 42} {
			if r, err := f.Find(t.Context(), 1, offset); pipeline.KindOf(err) != pipeline.NotFound {
				t.Errorf("%d: %+v, %v", offset, r, err)
			}
		}
	})
}
