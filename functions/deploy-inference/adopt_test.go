package deployinference_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// outliving runs the step over a platform that outlives it, as a cluster does:
// each call of the function that it gives is another process of the step, which
// names Services so, ended by what that gives.
func (r *rig) outliving(t *testing.T) (processes *local.Platform, begin func(names func(string) string) (end func())) {
	t.Helper()
	r.end()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	processes, err := local.New(local.Config{Programs: map[string]string{"tensorflow": os.Args[0]}, Dir: r.dir, Log: log, BaseURL: "http://here/predict"})
	if err != nil {
		t.Fatal(err)
	}
	d := eventing.NewDispatcher(r.cluster, func(to eventing.Destination) []string { return processes.URLs(to.Ref.Name) }, log)
	t.Cleanup(func() {
		_ = d.Close()
		_ = processes.Close()
	})
	return processes, func(names func(string) string) func() {
		s := deployinference.NewService(deployinference.Deps{
			Store: r.store, Topics: r.cluster, Brokers: r.cluster.Config().Brokers, Services: processes, Sources: d, Env: r.cluster.Config().Env(), PerPartition: true, ServiceName: names, Log: log,
		})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { s.Run(ctx) })
		r.Server = httptest.NewServer(door.Handler(s.Function(), r.store, log))
		end := sync.OnceFunc(func() {
			r.Server.Close()
			cancel()
			wg.Wait()
		})
		t.Cleanup(end)
		return end
	}
}

// What a process of the step has left running is ended by the next one, if its
// inference was deleted in between.
func TestWhatWasDeletedMeanwhileIsEnded(t *testing.T) {
	r := newRig(t)
	processes, begin := r.outliving(t)
	end := begin(nil)
	gone, kept := r.deploy(t, nil), r.deploy(t, members{"input_topic": "in-2", "output_topic": "out-2"})
	r.await(t, gone.ID, "ready", ready(1))
	r.await(t, kept.ID, "ready", ready(1))
	end()
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteInference(gone.ID) }); err != nil {
		t.Fatal(err)
	}
	begin(nil)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := processes.Status(t.Context(), gone.Name); pipeline.KindOf(err) == pipeline.NotFound {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the service of a deleted inference still runs")
		}
	}
	if st, err := processes.Status(t.Context(), kept.Name); err != nil || st.Ready != 1 {
		t.Errorf("the other one: %+v, %v", st, err)
	}
}

// An inference that an earlier version named after itself is served under a name
// that no function has. Records keep coming meanwhile: each is predicted.
func TestServicesTakeNamesOfTheirOwn(t *testing.T) {
	r := newRig(t)
	processes, begin := r.outliving(t)
	end := begin(nil)
	i := r.deploy(t, members{"name": "digits"})
	gone := r.deploy(t, members{"name": "gone", "input_topic": "in-2", "output_topic": "out-2"})
	r.await(t, i.ID, "ready", ready(1))
	r.await(t, gone.ID, "ready", ready(1))
	sent := 0
	more := func() {
		t.Helper()
		value := binary.BigEndian.AppendUint32(nil, uint32(sent)) // #nosec G115 -- a few
		if _, err := r.cluster.Produce(t.Context(), "in", sent%i.Partitions, []stream.Record{{Value: value}}); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	more()
	r.predicted(t, 1)
	end()
	if err := r.store.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteInference(gone.ID) }); err != nil {
		t.Fatal(err)
	}
	begin(pipeline.ServiceName)
	want := map[int64][]string{i.ID: {"inference-digits"}}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		more()
		now, err := processes.Names(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(now, want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("services: %v", now)
		}
	}
	more()
	r.await(t, i.ID, "ready", ready(1))
	if by := r.predicted(t, sent); len(by) != 2 {
		t.Errorf("predicted by %v, want the old process and the new one", by)
	}
}

// predicted waits until each of n values was predicted, and gives the processes
// that did it.
func (r *rig) predicted(t *testing.T, n int) (by map[string]int) {
	t.Helper()
	by, _ = r.predictedUntil(t, fmt.Sprintf("%d records", n), func(_ map[string]int, values int) bool { return values == n })
	return by
}

// predictedUntil waits until what was predicted, by process, and how many different
// records that were, is enough.
func (r *rig) predictedUntil(t *testing.T, what string, enough func(by map[string]int, values int) bool) (by map[string]int, values int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, next, err := r.cluster.Offsets(t.Context(), "out")
		if err != nil {
			t.Fatal(err)
		}
		different := map[string]bool{}
		by = map[string]int{}
		err = r.cluster.Read(t.Context(), pipeline.Range{Topic: "out", Length: next[0]}, func(rec stream.Record) error {
			different[string(rec.Value)] = true
			by[string(rec.Key)]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if enough(by, len(different)) {
			return by, len(different)
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %d records were predicted, by %v", what, len(different), by)
		}
	}
}

// The consumers follow the partitions of the input topic.
func TestPartitionsAreFollowed(t *testing.T) {
	r := newRig(t)
	_, begin := r.outliving(t)
	begin(nil)
	i := r.deploy(t, nil)
	if err := r.cluster.GrowTopic(t.Context(), i.InputTopic, i.Partitions+2); err != nil {
		t.Fatal(err)
	}
	r.await(t, i.ID, "grown", func(now pipeline.Inference) bool { return now.Partitions == i.Partitions+2 })
}
