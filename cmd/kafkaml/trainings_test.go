package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

func TestConfigurationsAndDeployments(t *testing.T) {
	s := servePrepared(t)
	golden(t, "deployments", s.transcript(t,
		"configurations create --name single --models 1",
		"configurations create --name none --models nobody",
		"configurations list",
		"configurations list --model line -q",
		"configurations show pair -o yaml",
		"configurations update single --models digits,2 --description both",
		"configurations show single",
		"configurations delete single",
		"models delete digits",
		"deployments create --configuration pair --batch-size 32 --training-kwargs 'epochs=3, steps_per_epoch=10' --seed 7 --memory 2Gi --node-selector disk=ssd,gpu=none",
		"deployments create --configuration pair --batch-size 32 --training-kwargs 'epochs=3, callbacks=[TensorBoard()]'",
		"deployments create --configuration pair --batch-size many",
		"deployments create --configuration pair",
		"deployments list",
		"deployments list --status training",
		"deployments list --status gone",
		"deployments show 1",
		"results list --deployment 1",
		"results retry 1",
		"deployments stop 1",
		"results list -q --model digits --status stopped",
		"configurations delete pair",
		"deployments delete 1",
		"deployments show deployment/1",
	))
}

// advance brings result 1 a step further, as deploy-training does when a
// training reports.
func (s *server) advance(t *testing.T, change func(r *pipeline.Result), epochs ...pipeline.Epoch) {
	t.Helper()
	s.do(t, func(tx *registry.Tx) error {
		r, err := tx.Result(1)
		if err != nil {
			return err
		}
		change(&r)
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		if _, err := tx.AppendEpochs(1, r.Attempt, epochs); err != nil {
			return err
		}
		return tx.Emit(eventing.New("io.kafkaml.result.progressed.v1", "/kafkaml/deploy-training", "1", r))
	})
}

func scheduled(r *pipeline.Result) { r.Status, r.Attempt = pipeline.ResultScheduled, 1 }

func running(done int) func(*pipeline.Result) {
	return func(r *pipeline.Result) {
		r.Status, r.Attempt, r.EpochsDone, r.EpochsTotal, r.StatusChanged = pipeline.ResultRunning, 1, done, 3, time.Now()
	}
}

func epoch(n int) pipeline.Epoch {
	loss := 1 / float64(n)
	return pipeline.Epoch{
		Epoch: n, Seconds: 0.25,
		Training: pipeline.Metrics{"accuracy": 1 - loss/2, "loss": loss}, Validation: pipeline.Metrics{"loss": 1.5 * loss},
	}
}

func learned(layer, class string, a pipeline.Adapted) pipeline.Adapted {
	a.Layer, a.Class, a.Records, a.Said = layer, class, 1600, a.Sentence()
	return a
}

func finished(r *pipeline.Result) {
	r.Status, r.EpochsDone, r.Seconds, r.Engine, r.EngineReason = pipeline.ResultFinished, 3, 1.234, kerasmodel.Graph, "graph 12 us a step, XLA 40 us"
	r.Metrics = pipeline.SplitMetrics{Training: epoch(3).Training, Validation: epoch(3).Validation, Test: pipeline.Metrics{"loss": 0.5}}
	r.Split = &pipeline.SplitAudit{
		Training:   pipeline.SplitCount{Records: 1600, Labels: map[string]int64{"2": 800, "10": 800}},
		Validation: pipeline.SplitCount{Records: 200, Labels: map[string]int64{"2": 200}},
		Test:       pipeline.SplitCount{Records: 200, Labels: map[string]int64{"2": 100, "10": 100}},
		Warnings:   []string{"validation holds no record of label 10"},
		Adapted: []pipeline.Adapted{
			learned("country", "StringLookup", pipeline.Adapted{Kind: pipeline.AdaptWords, Words: 183, Met: 200, Rarest: 12, Held: 200, Unknown: 6}),
			learned("amounts", "Normalization", pipeline.Adapted{Kind: pipeline.AdaptMoments, Mean: []float64{1.5, -20000}, Variance: []float64{0.25, 1e9}, Columns: 2}),
			learned("age", "Discretization", pipeline.Adapted{Kind: pipeline.AdaptQuantiles, Boundaries: []float64{20, 35, 50, 65, 80, 90}, Bins: 7}),
		},
	}
	r.Confusion = &pipeline.Confusion{Split: "test", Labels: []string{"2", "10"}, Counts: [][]int64{{90, 10}, {5, 95}}}
	r.Lineage = pipeline.Lineage{
		SourceHash: strings.Repeat("a", 64), ContentHash: strings.Repeat("b", 64), Records: 2000, BytesRead: 128 << 10, Seed: 7,
		Ranges: []pipeline.Range{{Topic: "digits", Partition: 1, Offset: 10, Length: 2000}},
	}
	r.Artifact = "results/1/attempt-1"
}

func TestResults(t *testing.T) {
	s := servePrepared(t)
	var d pipeline.Deployment
	s.must(t, &d, "deployments create --configuration pair --batch-size 32 --training-kwargs 'epochs=3' -o json")
	s.advance(t, scheduled)
	s.advance(t, running(0))
	s.advance(t, running(3), epoch(1), epoch(2), epoch(3))
	s.advance(t, finished)
	s.do(t, func(tx *registry.Tx) error { return tx.SetLogs(1, "epoch 1\x1b[2J\nepoch 2\n") })
	golden(t, "results", s.transcript(t,
		"results list",
		"results show 1",
		"results metrics 1",
		"results metrics 1 -o json",
		"results metrics 2",
		"results logs 1",
		"results show 1 --watch",
		"results download 1 --format h5",
		"results download 2",
		"results show none",
	))
	t.Run("download", func(t *testing.T) { testDownload(t, s) })
}

func testDownload(t *testing.T, s *server) {
	const content = "a whole file"
	if err := s.Artifacts.Put(t.Context(), "results/1/attempt-1/model.keras", strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	r := s.run(t, "results download 1 --format keras", "")
	got, err := os.ReadFile("digits-result-1.keras")
	if err != nil || r.code != 0 || string(got) != content || r.out != "digits-result-1.keras  12 B\n" {
		t.Fatalf("exit %d, %s%s, file %q: %v", r.code, r.out, r.err, got, err)
	}
	if r := s.run(t, "results download 1 --format keras", ""); r.code != 4 || !strings.Contains(r.err, "--force") {
		t.Errorf("over a file that is there: exit %d, %s", r.code, r.err)
	}
	if r := s.run(t, "results download 1 --format keras --force", ""); r.code != 0 {
		t.Errorf("--force: exit %d, %s", r.code, r.err)
	}
	if r := s.run(t, "results download 1 --format keras --to -", ""); r.out != content {
		t.Errorf("to standard output: %q", r.out)
	}
	if r := s.run(t, "results download 1 --to model.zip", ""); r.code != 3 {
		t.Errorf("a file that was never stored: exit %d, %s", r.code, r.err)
	}
	left, err := filepath.Glob(".kafkaml-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// A watch shows each epoch once, whatever the order in which it learns of
// them, and ends with the trainings.
func TestWatch(t *testing.T) {
	s := servePrepared(t)
	var d pipeline.Deployment
	s.must(t, &d, "deployments create --configuration pair --batch-size 32 --training-kwargs 'epochs=3' -o json")
	done := make(chan ran, 1)
	go func() { done <- s.run(t, "deployments show 1 --watch", "") }()
	s.advance(t, scheduled)
	s.advance(t, running(0))
	for n := 1; n <= 3; n++ {
		s.advance(t, running(n), epoch(n))
	}
	s.advance(t, finished)
	s.do(t, func(tx *registry.Tx) error {
		r, err := tx.Result(2)
		if err != nil {
			return err
		}
		scheduled(&r)
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		r.Status, r.Reason, r.Hint = pipeline.ResultFailed, "out of memory", "ask for more memory"
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		return tx.Emit(eventing.New("io.kafkaml.result.failed.v1", "/kafkaml/deploy-training", "2", r))
	})
	r := <-done
	for _, line := range []string{
		"result 1 digits: epoch 1/3  loss 1, accuracy 0.5  validation loss 1.5  0.25s\n",
		"result 1 digits: epoch 3/3  loss 0.3333, accuracy 0.8333  validation loss 0.5  0.25s\n",
		"result 1 digits: finished in 1.23s, training loss 0.3333, accuracy 0.8333, validation loss 0.5, test loss 0.5\n",
		"result 2 line: failed: out of memory\n",
	} {
		if strings.Count(r.out, line) != 1 {
			t.Errorf("want once: %s", line)
		}
	}
	if want := "error: result 2 of model line: out of memory\nhint: ask for more memory\n"; r.code != 1 || r.err != want {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
	if t.Failed() {
		t.Log(fmt.Sprint("it wrote:\n", r.out))
	}
}
