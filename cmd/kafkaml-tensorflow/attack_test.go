package main

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

const (
	sent   = 100
	killer = 50 // the record that ends the process
)

// row is the value of record i: one that is predicted as the sum of 0, i and 1, or the
// killer.
func row(i int) (value []byte) {
	first := float32(0)
	if i == killer {
		first = -1
	}
	for _, v := range []float32{first, float32(i), 1} {
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(v))
	}
	return value
}

// all gives the records of a topic's partition.
func all(t *testing.T, c *stream.Cluster, topic string) (records []stream.Record) {
	t.Helper()
	first, next, err := c.Offsets(t.Context(), topic)
	if pipeline.KindOf(err) == pipeline.NotFound || next[0] == first[0] {
		return nil
	}
	if err == nil {
		err = c.Read(t.Context(), pipeline.Range{Topic: topic, Offset: first[0], Length: next[0] - first[0]}, func(r stream.Record) error {
			records = append(records, stream.Record{Key: append([]byte(nil), r.Key...), Headers: r.Headers})
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// keysOf are those of records, each once.
func keysOf(records []stream.Record) map[string]bool {
	keys := map[string]bool{}
	for _, r := range records {
		keys[string(r.Key)] = true
	}
	return keys
}

// machine runs Services as child processes of this test.
func machine(t *testing.T) (l *local.Platform, url string, said *log) {
	t.Helper()
	t.Setenv(asCommand, "1") // which children get
	said = new(log)
	l, err := local.New(local.Config{Programs: map[string]string{"": os.Args[0]}, Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.Proxy(func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(func() {
		server.Close()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(said)
		}
	})
	return l, server.URL, said
}

// feed delivers the records of an inference as its source does.
func feed(t *testing.T, c *stream.Cluster, job pipeline.PredictJob, url string) {
	t.Helper()
	d := eventing.NewDispatcher(c, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	sink, retry := eventing.Destination{URI: url + "/" + job.Name + "/"}, int32(100)
	err := d.Apply(t.Context(), eventing.KafkaSource{
		APIVersion: eventing.SourceAPIVersion, Kind: eventing.SourceKind,
		Metadata: eventing.Metadata{Name: job.Name, Namespace: "default", Labels: map[string]string{eventing.KeyTypeLabel: eventing.KeyByteArray}},
		Spec: eventing.KafkaSourceSpec{
			ConsumerGroup: job.Group, BootstrapServers: c.Config().Brokers, Topics: []string{job.InputTopic},
			InitialOffset: eventing.Earliest, Ordering: eventing.Unordered, Sink: sink,
			Delivery: &eventing.Delivery{DeadLetterSink: &sink, Retry: &retry, BackoffPolicy: eventing.Exponential, BackoffDelay: "PT0.1S"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// One record between others ends whatever process predicts it. It becomes a dead letter
// that says so, by both deliveries, and the others are predicted.
func TestAttackRecordThatKills(t *testing.T) {
	c := streamtest.Cluster(t)
	l, url, said := machine(t)
	var records []stream.Record
	for i := range sent {
		records = append(records, stream.Record{Key: fmt.Append(nil, i), Value: row(i)})
	}
	var jobs []pipeline.PredictJob
	for i, delivery := range []pipeline.Delivery{pipeline.Source, pipeline.Direct} {
		job, env := trainedOf(t, c, "fatal", delivery, 1)
		job.Inference, job.Name = int64(i+1), "inference-"+string(delivery)
		if _, err := c.Produce(t.Context(), job.InputTopic, 0, records); err != nil {
			t.Fatal(err)
		}
		env = append(c.Config().Env(), env[len(env)-1]) // the store
		if err := l.Apply(t.Context(), platform.Service{Name: job.Name, Spec: job, Env: env, MinScale: 1, MaxScale: 1, Delivery: delivery}); err != nil {
			t.Fatal(err)
		}
		if delivery == pipeline.Source {
			feed(t, c, job, url)
		}
		jobs = append(jobs, job)
	}
	for _, job := range jobs {
		until(t, "all others are predicted by "+string(job.Delivery), func() bool {
			return len(keysOf(all(t, c, job.OutputTopic))) == sent-1 && len(all(t, c, job.DeadLetter)) > 0
		})
		if keysOf(all(t, c, job.OutputTopic))[fmt.Sprint(killer)] {
			t.Error("the record that ends the process was predicted")
		}
		letters := all(t, c, job.DeadLetter)
		reason := ""
		for _, h := range letters[0].Headers {
			if h.Key == pipeline.HeaderError {
				reason = string(h.Value)
			}
		}
		if dead := keysOf(letters); len(dead) != 1 || !dead[fmt.Sprint(killer)] || !strings.Contains(reason, "its prediction ended the process 2 times") {
			t.Errorf("%s: %d dead letters, the first of record %s: %s", job.Delivery, len(letters), letters[0].Key, reason)
		}
		restarts := strings.Count(said.String(), "service="+job.Name)
		t.Logf("%s: %d restarts: %s", job.Delivery, restarts, reason)
		if restarts > 5 { // a slow machine may end one for another reason
			t.Errorf("%s: %d restarts", job.Delivery, restarts)
		}
	}
}
