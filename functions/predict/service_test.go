package predict

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

func TestMain(m *testing.M) { os.Exit(streamtest.Main(m)) }

// raw is the input_config of a RAW stream.
func raw(dtype, shape string) json.RawMessage {
	b, err := json.Marshal(map[string]string{"data_type": dtype, "data_reshape": shape})
	if err != nil {
		panic(err) // strings always marshal
	}
	return b
}

// configs are what the records of the test models look like.
var configs = map[string]json.RawMessage{
	"small": raw("float32", "3"),
	"mnist": raw("uint8", "28 28"),
	"words": raw("int32", "4"),
}

// newJob is an inference of a test model between fresh topics.
func newJob(t testing.TB, c *stream.Cluster, model string, partitions int) pipeline.PredictJob {
	t.Helper()
	m := tensorflowtest.Load(t, model)
	job := pipeline.PredictJob{
		Inference: 7, Name: "inference-7", Result: 3, Export: m.Export, Delivery: pipeline.Source,
		InputFormat: pipeline.RAW, InputConfig: configs[model],
	}
	if c != nil {
		job.InputTopic, job.OutputTopic, job.DeadLetter = streamtest.Topic(t, c, partitions), streamtest.Topic(t, c, partitions), streamtest.Topic(t, c, 1)
		job.Group = streamtest.Name(t)
	}
	return job
}

// start opens a service of the model and closes it with the test.
func start(t testing.TB, c *stream.Cluster, model string, job pipeline.PredictJob) *service {
	t.Helper()
	s, err := openService(tensorflow.Framework{}, Config{Job: job, Suspects: filepath.Join(t.TempDir(), "1"), Watched: true, Log: logTo(t)}, modelDir(t, model), c)
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

func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// consumeUntilEnd runs direct delivery; stop ends it and waits.
func consumeUntilEnd(t testing.TB, s *service) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.direct.run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// await polls until the topic holds n records and gives them.
func await(t testing.TB, c *stream.Cluster, topic string, n int64) []stream.Record {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for {
		first, next, err := c.Offsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		have := int64(0)
		for p := range next {
			have += next[p] - first[p]
		}
		if have >= n {
			return readAll(t, c, topic, first, next)
		}
		if time.Now().After(deadline) {
			t.Fatalf("topic %s holds %d records, want %d", topic, have, n)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func readAll(t testing.TB, c *stream.Cluster, topic string, first, next map[int]int64) []stream.Record {
	t.Helper()
	var all []stream.Record
	for p := range next {
		if next[p] == first[p] {
			continue
		}
		err := c.Read(t.Context(), pipeline.Range{Topic: topic, Partition: p, Offset: first[p], Length: next[p] - first[p]}, func(r stream.Record) error {
			r.Key, r.Value, r.Headers = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...), slices.Clone(r.Headers)
			for i := range r.Headers {
				r.Headers[i].Value = append([]byte(nil), r.Headers[i].Value...)
			}
			all = append(all, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func serveHTTP(t testing.TB, s *service) *httptest.Server {
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(guarded(t).Wrap(s.handler()))
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// modelDir is a folder as open makes it, with the files of a test model.
func modelDir(t testing.TB, model string) string {
	t.Helper()
	dir := t.TempDir()
	served := (tensorflow.Framework{}).Kind().Bundle.Served[0]
	if err := os.Symlink(tensorflowtest.Load(t, model).SavedModel(), filepath.Join(dir, served.Path)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// guarded is the guard of a replica that only its own machine reaches.
func guarded(t testing.TB) *guard.Guard {
	t.Helper()
	g, err := guard.Settings{}.Open("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return g
}
