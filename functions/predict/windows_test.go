package predict

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// windowJob is an inference of the model small whose three numbers are those of
// three records of a key.
func windowJob(t *testing.T, c *stream.Cluster, partitions int) pipeline.PredictJob {
	t.Helper()
	job := newJob(t, c, "small", partitions)
	job.Delivery = pipeline.Direct
	job.InputConfig = json.RawMessage(`{"data_type":"float32","window":{"by":"key","size":3}}`)
	return job
}

// written writes records of some keys, of which a key is always of the same
// partition, and knows the windows that they make.
type written struct {
	t          *testing.T
	cluster    *stream.Cluster
	topic      string
	partitions int
	n          int
	last       map[string][]float32 // of each key
	want       map[string][]float32 // windows by the partition and offset of their last record
}

const sequenceKeys = 5

// write writes a record of each key a number of times; between them are some that
// are no steps.
func (q *written) write(times int) {
	q.t.Helper()
	for range times {
		for k := range sequenceKeys {
			key, v := fmt.Sprint("key-", k), float32(q.n%17)/8
			q.n++
			p := k % q.partitions
			records := []stream.Record{{Key: []byte(key), Value: floats(v)}}
			if q.n%7 == 0 {
				records = append(records, stream.Record{Key: []byte(key), Value: []byte("bad")}, stream.Record{Value: floats(9)}) // the latter has no key
			}
			at, err := q.cluster.Produce(q.t.Context(), q.topic, p, records)
			if err != nil {
				q.t.Fatal(err)
			}
			q.last[key] = append(q.last[key], v)
			if all := q.last[key]; len(all) >= 3 {
				q.want[fmt.Sprintf("7:%s:%d:%d", q.topic, p, at)] = all[len(all)-3:]
			}
		}
	}
}

// forget has the windows of a key begin anew.
func (q *written) forget() { q.last = map[string][]float32{} }

// check wants each window's prediction, once, and no other.
func (q *written) check(s *service, output string) {
	q.t.Helper()
	came := map[string]bool{}
	for _, out := range await(q.t, q.cluster, output, int64(len(q.want))) {
		id := headersOf(out)["ce_id"]
		window, ok := q.want[id]
		if !ok || came[id] {
			q.t.Errorf("the prediction %s came (twice: %v)", id, came[id])
			continue
		}
		came[id] = true
		values, err := json.Marshal(map[string]any{"values": window})
		if err != nil {
			q.t.Fatal(err)
		}
		want, err := s.door.requests.handle(q.t.Context(), request(string(values), event.ApplicationJSON))
		if err != nil {
			q.t.Fatal(err)
		}
		closeTo(q.t, numbersOf(q.t, out.Value), numbersOf(q.t, want))
	}
}

func numbersOf(t *testing.T, value []byte) []float64 {
	t.Helper()
	var of struct{ Values []float64 }
	if err := json.Unmarshal(value, &of); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return of.Values
}

func request(data, contentType string) event.Event {
	e := event.New()
	e.SetID("r1")
	e.SetSource("/me")
	e.SetType(eventing.PredictionMake)
	e.SetDataContentType(contentType)
	e.DataEncoded = []byte(data)
	return e
}

// text is a log to look into.
type text struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// Windows go on over replicas that come and go: from what was committed, from the
// log's beginning where somebody committed without a word on windows, and where
// records have expired they fill anew.
func TestWindows(t *testing.T) {
	c := streamtest.Kafka(t)
	job := windowJob(t, c, 2)
	q := &written{t: t, cluster: c, topic: job.InputTopic, partitions: 2, last: map[string][]float32{}, want: map[string][]float32{}}
	said := &text{}
	open := func(job pipeline.PredictJob) *service {
		s, err := openService(tensorflow.Framework{}, Config{Job: job, Log: slog.New(slog.NewTextHandler(said, nil))}, modelDir(t, "small"), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	serve := func(job pipeline.PredictJob, times int) {
		t.Helper()
		s := open(job)
		stop := consumeUntilEnd(t, s)
		q.write(times)
		q.check(s, job.OutputTopic)
		stop()
	}
	q.write(2)
	serve(job, 6)
	if !strings.Contains(said.String(), "waiting for 3 records of a key") {
		t.Errorf("it says %s", said)
	}
	serve(job, 6)

	commitPlainly(t, c, job, q)
	serve(job, 4)
	job.InputConfig = json.RawMessage(`{"window":{"size":3,"by":"key","keys":1000},"data_type":"float32"}`) // an origin of before means nothing
	serve(job, 4)
	job.InputConfig = json.RawMessage(`{"window":{"size":3,"by":"key","within":"1h"},"data_type":"float32"}`)
	serve(job, 4)

	_, next, err := c.Offsets(t.Context(), job.InputTopic)
	if err != nil {
		t.Fatal(err)
	}
	expire(t, c, job.InputTopic, next)
	q.forget()
	serve(job, 4)
	if !strings.Contains(said.String(), "these windows fill anew") {
		t.Errorf("it does not say what has expired: %s", said)
	}
}

// commitPlainly has the group go on over some records as a program does that knows
// nothing of windows, which then have no prediction.
func commitPlainly(t *testing.T, c *stream.Cluster, job pipeline.PredictJob, q *written) {
	t.Helper()
	known := maps.Clone(q.want)
	q.write(1)
	q.want = known
	_, next, err := c.Offsets(t.Context(), job.InputTopic)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	left := len(next)
	err = c.Consume(t.Context(), stream.GroupConfig{ID: job.Group, Topics: []string{job.InputTopic}}, func(ctx context.Context, claim *stream.Claim) error {
		for claim.Next() < next[claim.Partition] {
			if _, err := claim.Fetch(ctx); err != nil {
				return err
			}
		}
		claim.Done(next[claim.Partition])
		mu.Lock()
		left--
		last := left == 0
		mu.Unlock()
		if !last {
			<-ctx.Done()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// expire deletes the records before some offsets.
func expire(t *testing.T, c *stream.Cluster, topic string, before map[int]int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Config().Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets := kadm.Offsets{}
	for p, at := range before {
		offsets.Add(kadm.Offset{Topic: topic, Partition: int32(p), At: at, LeaderEpoch: -1}) // #nosec G115 -- of a test
	}
	answer, err := kadm.NewClient(client).DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A record that is posted comes without those before it: it is refused, a whole
// window is not.
func TestWindowsByRequest(t *testing.T) {
	c := streamtest.Kafka(t)
	url := serveHTTP(t, start(t, c, "small", windowJob(t, c, 1))).URL
	const says = "takes a window of 3 records"
	for data, contentType := range map[string]string{string(floats(1)): "application/octet-stream", `{"x":1}`: event.ApplicationJSON} {
		status, e := post(t, url, request(data, contentType))
		if status != http.StatusOK || e.Type() != eventing.PredictionRejected || !strings.Contains(string(e.Data()), says) {
			t.Errorf("%q: %d %s %s", data, status, e.Type(), e.Data())
		}
	}
	if status, e := post(t, url, request(`{"values":[1,2,3]}`, event.ApplicationJSON)); status != http.StatusOK || e.Type() != eventing.PredictionMade {
		t.Errorf("a window: %d %s %s", status, e.Type(), e.Data())
	}
	// Of a KafkaSource, which sends it again: a refusal for good would lose it.
	status, _ := post(t, url, eventing.FromRecord(stream.Record{Topic: "in", Value: floats(1)}, "/x", eventing.KeyByteArray))
	if status != http.StatusServiceUnavailable {
		t.Errorf("a record: %d", status)
	}
}

// A record whose values the model's types cannot hold is no step of a window, as it
// is none in training.
func TestStepThatDoesNotFit(t *testing.T) {
	inputs := []pipeline.Tensor{{Name: "x", DType: "int32", Shape: []int{2}}}
	m := &model{job: pipeline.PredictJob{Export: pipeline.Export{Inputs: inputs}}}
	var err error
	if m.decoder, err = features.New(pipeline.RAW, json.RawMessage(`{"data_type":"int64","window":{"by":"key","size":2}}`), codec.Binding{Inputs: inputs}); err != nil {
		t.Fatal(err)
	}
	windows, row := m.newSequences(), [][]byte{make([]byte, 16)}
	for i, step := range []struct {
		v    uint64
		says string
	}{{1, "ends no window"}, {1 << 40, "does not fit int32"}, {2, ""}} {
		err := m.decode(t.Context(), windows, row, &stream.Record{Key: []byte("k"), Value: binary.LittleEndian.AppendUint64(nil, step.v)}, nil)
		if (err == nil) != (step.says == "") || err != nil && !strings.Contains(err.Error(), step.says) {
			t.Errorf("record %d: %v, want %q", i, err, step.says)
		}
	}
	if first, second := binary.LittleEndian.Uint64(row[0]), binary.LittleEndian.Uint64(row[0][8:]); first != 1 || second != 2 {
		t.Errorf("the window is %d, %d", first, second)
	}
}

// Windows begin anew where records have expired unread, before the first fetch or
// between two, and nowhere else.
func TestSkipped(t *testing.T) {
	for name, c := range map[string]struct {
		at, start, first int64
		want             bool
	}{
		"the first records":                         {10, 10, 10, false},
		"behind the marker of a transaction":        {10, 10, 12, false},
		"expired before the first fetch":            {10, 20, 20, true},
		"expired, and then a marker":                {10, 20, 21, true},
		"it went on, but these were fetched before": {10, 20, 15, false},
		"long after it went on":                     {25, 20, 25, false},
	} {
		if got := skipped(c.at, c.start, c.first); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
