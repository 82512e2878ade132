package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// childVariable makes this program a training, for a test that kills it.
const childVariable = "KAFKAML_TEST_TRAIN"

// trainHere is the training of childVariable.
func trainHere() error {
	c, err := ConfigFromEnv(os.Getenv, linked, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	return Run(context.Background(), c)
}

// checkpointed is a rig whose training is kept after each so many epochs, which lie
// across passes over the records.
func checkpointed(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.send(t, 300)
	r.Job.Checkpoint, r.Job.ValidationRate, r.Job.Engine = pipeline.ResultCheckpoint(r.Job.Result), 0.2, kerasmodel.Graph
	k := &r.Job.TrainingKwargs
	k.Verbose, k.ValidationFreq = 1, 1 // as ConfigFromEnv reads them
	k.Epochs, k.StepsPerEpoch, k.Checkpoint = 2000, 7, &pipeline.Checkpoint{EveryEpochs: interval}
	k.EarlyStopping = &pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeAuto, Patience: 2000, RestoreBest: true}
	return r
}

const interval = 40 // epochs

// undisturbed runs the training without checkpoints, and gives its outcome.
func (r *rig) undisturbed(t *testing.T) pipeline.Outcome {
	t.Helper()
	c := r.Config
	c.Job.Checkpoint, c.Job.TrainingKwargs.Checkpoint = "", nil
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return r.outcome
}

// kill trains in a process of its own, until epochs after a number are told: then
// it is killed.
func (r *rig) kill(t *testing.T, after int) {
	t.Helper()
	job, err := json.Marshal(r.Job)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self) // #nosec G204 -- this test
	child.Env = append(os.Environ(), childVariable+"=1", platform.JobVariable+"="+string(job), "ARTIFACT_URL="+r.Artifacts,
		"KAFKA_BROKERS="+strings.Join(r.Kafka.Brokers, ","), "K_SINK="+r.sink)
	var said bytes.Buffer
	child.Stderr = &said
	r.hear = func(p pipeline.Progress) {
		if n := len(p.Epochs); n > 0 && p.Epochs[n-1].Epoch > after {
			_ = child.Process.Kill()
		}
	}
	if err := child.Run(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the training was not killed: %v\n%s", err, &said)
	}
	r.hear, r.told = nil, nil
}

// again is the next attempt; it gives the epoch that it goes on from, 0: it begins.
func (r *rig) again(t *testing.T) (from int, o pipeline.Outcome) {
	t.Helper()
	var said bytes.Buffer
	c := r.Config
	c.Job.Attempt++
	c.Log = slog.New(slog.NewTextHandler(&said, nil))
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`goes on from its checkpoint.* epoch=(\d+)`).FindStringSubmatch(said.String()); found != nil {
		from, _ = strconv.Atoi(found[1])
	}
	return from, r.outcome
}

// By time, checkpoints take a hundredth of a training at most; by epochs, each that is
// asked for is stored.
func TestCheckpointsCostLittle(t *testing.T) {
	for _, c := range []struct {
		every       pipeline.Checkpoint
		took, since time.Duration
		epoch       int
		due         bool
	}{
		{every: pipeline.Checkpoint{EverySeconds: 10}, since: 9 * time.Second, epoch: 4},
		{every: pipeline.Checkpoint{EverySeconds: 10}, since: 10 * time.Second, epoch: 4, due: true},
		{every: pipeline.Checkpoint{EverySeconds: 10}, took: 99 * time.Millisecond, since: 10 * time.Second, epoch: 4, due: true},
		{every: pipeline.Checkpoint{EverySeconds: 10}, took: 2 * time.Second, since: 199 * time.Second, epoch: 4},
		{every: pipeline.Checkpoint{EverySeconds: 10}, took: 2 * time.Second, since: 200 * time.Second, epoch: 4, due: true},
		{every: pipeline.Checkpoint{EveryEpochs: 4}, took: 2 * time.Second, epoch: 4, due: true},
		{every: pipeline.Checkpoint{EveryEpochs: 4}, since: time.Hour, epoch: 5},
	} {
		if k := (&keeper{every: c.every, took: c.took}); k.due(c.epoch, c.since) != c.due {
			t.Errorf("%+v: due is %v", c, !c.due)
		}
	}
}

// TestGoesOnAfterAKill kills a training. Its next attempt goes on from the last
// checkpoint, tells of all epochs, and comes to the weights and metrics of a
// training that nobody killed.
func TestGoesOnAfterAKill(t *testing.T) {
	r := checkpointed(t)
	want := r.undisturbed(t)
	const told = 300
	r.kill(t, told)
	from, got := r.again(t)
	if from < told-interval || from%interval != 0 {
		t.Errorf("it goes on from epoch %d, though epoch %d was told", from, told)
	}
	if got.Lineage.WeightsHash != want.Lineage.WeightsHash {
		t.Errorf("the weights are not those of the undisturbed training")
	}
	if diff := cmp.Diff(want.Metrics, got.Metrics); diff != "" {
		t.Errorf("(-undisturbed +killed)\n%s", diff)
	}
	if diff := cmp.Diff(want.Stopping, got.Stopping); diff != "" {
		t.Errorf("(-undisturbed +killed)\n%s", diff)
	}
	epochs := r.epochs()
	slices.Sort(epochs)
	if epochs = slices.Compact(epochs); len(epochs) != 2000 {
		t.Errorf("%d of 2000 epochs are told", len(epochs))
	}
}

// TestCheckpointsLeaveTheWeights holds that what is saved are the weights of the last
// epoch, not those of the last checkpoint.
func TestCheckpointsLeaveTheWeights(t *testing.T) {
	r := checkpointed(t)
	r.Job.TrainingKwargs.Epochs, r.Job.TrainingKwargs.EarlyStopping = interval+3, nil
	want := r.undisturbed(t)
	if _, got := r.again(t); got.Lineage.WeightsHash != want.Lineage.WeightsHash {
		t.Error("the weights are not those of a training without checkpoints")
	}
}

// TestCheckpointsThatCannotBeUsed holds that a training begins, and says why, where
// what was left is broken or of another one.
func TestCheckpointsThatCannotBeUsed(t *testing.T) {
	r := checkpointed(t)
	r.Job.TrainingKwargs.Epochs = interval + 1
	want := r.undisturbed(t)
	r.again(t) // leaves one
	key := r.Job.Checkpoint + "/" + checkpointBlob
	content, _, err := r.store(t).Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	left, err := io.ReadAll(content)
	if err := errors.Join(err, content.Close()); err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(left)
	broken[len(broken)/2] ^= 1
	cases := []struct {
		name  string
		left  []byte
		seed  int64
		warns string
	}{
		{"as it was", left, r.Job.Seed, ""},
		{"a bit is another", broken, r.Job.Seed, "hash"},
		{"half", left[:len(left)/2], r.Job.Seed, "hash"},
		{"nothing", nil, r.Job.Seed, "hash"},
		{"of another seed", left, 99, "another training"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := r.store(t).Put(t.Context(), key, bytes.NewReader(c.left)); err != nil {
				t.Fatal(err)
			}
			seed := r.Job.Seed
			r.Job.Seed = c.seed
			defer func() { r.Job.Seed = seed }()
			from, got := r.again(t)
			warned := strings.Join(got.Split.Warnings, "\n")
			if begins := from == 0; begins != (c.warns != "") || !strings.Contains(warned, c.warns) {
				t.Errorf("it goes on from epoch %d and warns %q", from, warned)
			}
			if same := got.Lineage.WeightsHash == want.Lineage.WeightsHash; same != (c.seed == seed) {
				t.Errorf("the weights of the undisturbed training: %v", same)
			}
		})
	}
}
