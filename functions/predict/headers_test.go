package predict

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// Headers that HTTP does not carry are fetched from the record: predictions and
// dead letters have key and headers as they are in the log, whatever the record
// says of its content.
func TestSourceCarriesHeaders(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		job := newJob(t, c, "small", 1)
		server := serveHTTP(t, start(t, c, "small", job))
		good := value(t, "small", codec.Float32, 2)
		headers := [][]stream.Header{
			{{Key: "X-Trace.Id", Value: []byte{0xff, 0x80, 0xe4}}, {Key: "x", Value: []byte("a%41")}, {Key: "x", Value: []byte("b")}, {Key: "größe", Value: []byte("ö温")}},
			{{Key: "content-type", Value: []byte("application/x+avro")}, {Key: "n", Value: []byte("1")}},
			{{Key: "Content-Type", Value: []byte("application/cloudevents+json")}, {Key: "e"}, {Key: "z", Value: []byte("z")}},
			{{Key: "content-type", Value: []byte("non sense")}, {Key: "Z", Value: []byte("z")}},
			{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("i")}, {Key: "ce_type", Value: []byte("com.example.thing")}, {Key: "ce_source", Value: []byte("/a#b")}, {Key: "N", Value: []byte("1")}},
		}
		var sent []stream.Record
		for _, h := range headers {
			sent = append(sent, stream.Record{Key: []byte("key"), Value: good, Headers: h})
		}
		sent = append(sent, stream.Record{Key: []byte("key"), Value: []byte("bad"), Headers: headers[0]}, stream.Record{Key: []byte("key"), Value: good})
		if _, err := c.Produce(t.Context(), job.InputTopic, 0, sent); err != nil {
			t.Fatal(err)
		}
		defer dispatch(t, c, job.InputTopic, server.URL)()
		var got [][]stream.Header
		for _, out := range await(t, c, job.OutputTopic, int64(len(sent)-1)) {
			if string(out.Key) != "key" {
				t.Errorf("key %q", out.Key)
			}
			if id := headersOf(out)["ce_id"]; len(id) < len(job.InputTopic) || id[:2+len(job.InputTopic)] != "7:"+job.InputTopic {
				t.Errorf("id %q", id)
			}
			own := slices.DeleteFunc(slices.Clone(out.Headers), func(h stream.Header) bool { return len(h.Key) > 2 && (h.Key[:3] == "ce_" || h.Key == "content-type") })
			got = append(got, own)
		}
		want := [][]stream.Header{headers[0], headers[1][1:], headers[2][1:], headers[3][1:], headers[4][4:], {}}
		byText := func(a, b []stream.Header) int {
			return slices.CompareFunc(a, b, func(a, b stream.Header) int { return slices.Compare([]byte(a.Key), []byte(b.Key)) })
		}
		slices.SortFunc(got, byText)
		slices.SortFunc(want, byText)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		letter := await(t, c, job.DeadLetter, 1)[0]
		if diff := cmp.Diff(headers[0], letter.Headers[:len(headers[0])]); diff != "" || string(letter.Key) != "key" {
			t.Errorf("the dead letter: %s", diff)
		}
	})
}

// A record that is too large for a request becomes a dead letter that tells its
// place.
func TestRecordTooLargeForARequest(t *testing.T) {
	c := streamtest.Cluster(t)
	job := newJob(t, c, "small", 1)
	server := serveHTTP(t, start(t, c, "small", job))
	r := stream.Record{Topic: job.InputTopic, Offset: 9, Key: []byte("k"), Value: make([]byte, maxBody+1), Time: time.Now()}
	status, reply := post(t, server.URL, eventing.FromRecord(r, eventing.SourceName("ns", "in"), eventing.KeyByteArray))
	if status != http.StatusOK || reply.Type() != eventing.PredictionRejected || !strings.Contains(string(reply.Data()), "larger than 8 MiB") {
		t.Errorf("%d %s", status, reply)
	}
	letter := await(t, c, job.DeadLetter, 1)[0]
	if h := headersOf(letter); h[pipeline.HeaderSourceOffset] != "9" || !strings.Contains(h[pipeline.HeaderError], "larger than 8 MiB") || len(letter.Value) > 0 || string(letter.Key) != "k" {
		t.Errorf("%q", h)
	}
}
