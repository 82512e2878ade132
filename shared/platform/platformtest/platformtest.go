// Package platformtest is the contract of package platform as a suite that
// every backend passes. What it runs as Jobs and Services is the test's own
// program: real processes that end in the ways in which a training or an
// inference can.
package platformtest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// Backend is what the suite is run over. Its processes are the program whose
// TestMain calls Main.
type Backend struct {
	// Place makes a place for one test. Each call of what it returns opens the
	// platform in that place, as a process does that starts there. OnEnded nil
	// stands for a process that does not hear how Jobs end.
	Place func(t *testing.T) func(onEnded func(context.Context, platform.Ended)) Owner
	// Outlives reports whether Jobs and Services go on when their owner closes.
	Outlives bool
	// Patience bounds each wait.
	Patience time.Duration
}

// Owner is an open platform.
type Owner struct {
	platform.Jobs
	platform.Services
	Close func() // ends what this owner does; once
}

// Exercise holds a backend to the contract.
func Exercise(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Backend)
	}{
		{"a Job tells how it ended", jobEnds},
		{"a Job is listed until its end is told", listedUntilTold},
		{"a Job that is started twice runs once", startedTwice},
		{"a Job that is stopped tells nothing", stopped},
		{"a Job is told a description of any size", describedJob},
		{"a Job and its owner", jobOwner},
		{"a Service keeps its replicas", replicas},
		{"a Service is replaced without a gap", replaced},
		{"a Service that does not start says why", broken},
		{"a Service is told a description of any size", describedService},
		{"a Service and its owner", serviceOwner},
		{"names that are none are refused", refusedNames},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, b) })
	}
}

// place is a place with one open owner, and the ends that it is told.
type place struct {
	Owner
	b     Backend
	open  func(onEnded func(context.Context, platform.Ended)) Owner
	ended chan end
}

// end is what was told of a Job, and its log at that moment.
type end struct {
	platform.Ended
	log string
}

// newPlace opens a place. What runs in it at the end of the test is ended.
func newPlace(t *testing.T, b Backend) *place {
	t.Helper()
	p := &place{b: b, open: b.Place(t), ended: make(chan end, 100)}
	p.start(t)
	t.Cleanup(func() {
		p.clear(t)
		p.Close()
	})
	return p
}

// start opens an owner that hears how Jobs end.
func (p *place) start(t *testing.T) {
	t.Helper()
	opened := make(chan struct{})
	p.Owner = p.open(func(ctx context.Context, e platform.Ended) {
		<-opened
		log, err := p.Jobs.Log(ctx, e.Name)
		if err != nil {
			log = err.Error()
		}
		p.ended <- end{e, log}
	})
	close(opened)
}

// clear ends all that runs.
func (p *place) clear(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), p.b.Patience)
	defer cancel()
	jobs, err := p.Running(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, name := range jobs {
		if err := p.Stop(ctx, name); err != nil {
			t.Error(err)
		}
	}
	services, err := p.Names(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, name := range services {
		if err := p.Delete(ctx, name); err != nil {
			t.Error(err)
		}
	}
}

// must starts a Job.
func (p *place) must(t *testing.T, j platform.Job) {
	t.Helper()
	if err := p.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

// told waits for the next end.
func (p *place) told(t *testing.T) end {
	t.Helper()
	select {
	case e := <-p.ended:
		return e
	case <-time.After(p.b.Patience):
		t.Fatal("no end is told")
		return end{}
	}
}

// eventually polls until ok.
func (p *place) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(p.b.Patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// Job is a training whose process does as how says, such as Succeeds.
func Job(result int64, how string) platform.Job {
	return platform.Job{
		Name: "train-" + strconv.FormatInt(result, 10) + "-2", Env: environment,
		Spec: pipeline.TrainingJob{
			Result: result, Attempt: 2, ModelName: how, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1}, InputConfig: []byte(`{}`),
		},
		Resources: pipeline.Resources{CPU: "100m", Memory: "128Mi"},
	}
}

// Service is an inference whose replicas answer with the name of their output
// topic.
func Service(name, output string, replicas int) platform.Service {
	return platform.Service{
		Name: name, Env: environment, MinScale: replicas, MaxScale: replicas, Delivery: pipeline.Source,
		Spec: pipeline.PredictJob{Inference: 7, Name: name, OutputTopic: output, InputConfig: []byte(`{}`)},
	}
}

// configOf is an input configuration of n bytes that compresses to half of
// that and no further.
func configOf(n int) []byte {
	const digits = "0123456789abcdef"
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- any text will do
	text := make([]byte, n)
	for i := range text {
		text[i] = digits[random.IntN(len(digits))]
	}
	text[0], text[n-1] = '"', '"'
	return text
}

// large is the size of a description that does not fit into a variable.
const large = 500 << 10
