// Package platformtest is the contract of package platform as a suite that every
// backend passes. The Jobs and Services that it runs are the test's own program:
// real processes that end in the ways a training or an inference can.
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

// Backend is a platform under test. It runs the program whose TestMain calls Main.
type Backend struct {
	// Place prepares one test, and returns a function that opens the platform as
	// a process does that starts: it may be called again after Close. If onEnded
	// is nil the process does not want to know how Jobs end.
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

// Exercise tests that a backend keeps the contract.
func Exercise(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Backend)
	}{
		{"the end of a Job is reported", jobEnds},
		{"a Job is listed until its end is reported", listedUntilReported},
		{"a Job that is started twice runs once", startedTwice},
		{"the end of a stopped Job is not reported", stopped},
		{"a Job reads a description of any size", describedJob},
		{"a Job after a restart", jobOwner},
		{"a Service keeps its replicas", replicas},
		{"a Service is replaced without a gap", replaced},
		{"a Service that does not start shows why", broken},
		{"a Service reads a description of any size", describedService},
		{"a Service after a restart", serviceOwner},
		{"invalid names are refused", refusedNames},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, b) })
	}
}

// place is a test's place with one open owner, and the ends reported to it.
type place struct {
	Owner
	b     Backend
	open  func(onEnded func(context.Context, platform.Ended)) Owner
	ended chan end
}

// end is a reported end, and the Job's log at that moment.
type end struct {
	platform.Ended
	log string
}

// newPlace opens a place. At the end of the test everything in it is ended.
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

// start opens an owner to which the ends of Jobs are reported.
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

// clear ends everything that runs.
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
	for id, names := range services {
		for _, name := range names {
			if err := p.Delete(ctx, name, id); err != nil {
				t.Error(err)
			}
		}
	}
}

// startJob starts a Job.
func (p *place) startJob(t *testing.T, j platform.Job) {
	t.Helper()
	if err := p.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

// nextEnd waits for the next reported end.
func (p *place) nextEnd(t *testing.T) end {
	t.Helper()
	select {
	case e := <-p.ended:
		return e
	case <-time.After(p.b.Patience):
		t.Fatal("no end is reported")
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

// Job returns a training whose process behaves as how says, such as Succeeds.
func Job(result int64, how string) platform.Job {
	return platform.Job{
		Name: "train-" + strconv.FormatInt(result, 10) + "-2", Env: environment,
		Spec: pipeline.TrainingJob{
			Result: result, Attempt: 2, ModelName: how, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1}, InputConfig: []byte(`{}`),
		},
		Resources: pipeline.Resources{CPU: "100m", Memory: "128Mi"},
	}
}

// Service returns an inference whose replicas answer with the name of their
// output topic.
func Service(name, output string, replicas int) platform.Service {
	return platform.Service{
		Name: name, Env: environment, MinScale: replicas, MaxScale: replicas, Delivery: pipeline.Source,
		Spec: pipeline.PredictJob{Inference: 7, Name: name, OutputTopic: output, InputConfig: []byte(`{}`)},
	}
}

// configOf returns an input configuration of n bytes that compresses to half of
// that.
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
