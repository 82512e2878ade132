package predict

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// member is this process in the consumer group of an inference. It may join before
// there is a model: what it is assigned then waits for one.
type member struct {
	cluster *stream.Cluster
	group   string
	topic   string
	log     *slog.Logger
	joined  atomic.Bool
	failed  atomic.Pointer[error] // why it was not joined last
	once    sync.Once
	running sync.WaitGroup
	work    func(context.Context, *stream.Claim) error
	working chan struct{} // closed once there is work
}

func newMember(job pipeline.PredictJob, c *stream.Cluster, log *slog.Logger) *member {
	g := &member{cluster: c, group: job.Group, topic: job.InputTopic, log: log, working: make(chan struct{})}
	if g.group == "" {
		envelope := output.NewEnvelope(job)
		g.group = pipeline.InferenceGroup("", envelope.Inference())
	}
	return g
}

// earlyParameters is how large a model may be that the group is joined for while it
// is opened: some 50 ms. Those that are taken from other replicas wait for so long.
const earlyParameters = 4 << 20

// joinEarly joins the group of direct delivery while the library and a model that is
// quick to open are opened: joining takes the broker as long. The caller leaves where
// they cannot be opened; the next process does not join early then, as the other
// replicas stop for each that comes and goes.
func (c *Config) joinEarly(ctx context.Context, cluster *stream.Cluster) (leave func()) {
	size := c.Job.Export.Parameters
	if second := c.Job.Challenger; second != nil {
		size += second.Export.Parameters
	}
	if c.Job.Delivery != pipeline.Direct || size > earlyParameters || c.triedBefore() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	c.member = newMember(c.Job, cluster, c.Log)
	c.member.join(ctx)
	return func() {
		cancel()
		c.member.await()
	}
}

// opening is the ending of a file beside that of suspects, which is there while a model
// is opened.
const opening = ".opening"

// triedBefore reports whether the process before could not open its model, and notes
// that this one tries.
func (c *Config) triedBefore() bool {
	if c.Suspects == "" {
		return false
	}
	if _, err := os.Stat(c.Suspects + opening); err == nil {
		return true
	}
	err := errors.Join(os.MkdirAll(filepath.Dir(c.Suspects), 0o750), os.WriteFile(c.Suspects+opening, nil, 0o600))
	return err != nil // the next one would not know
}

// opened notes that the model could be opened.
func (c *Config) opened() {
	if c.Suspects != "" {
		_ = os.Remove(c.Suspects + opening) // it is there where the group was to be joined early
	}
}

// join joins, once, and is a member until ctx ends.
func (g *member) join(ctx context.Context) {
	g.once.Do(func() { g.running.Go(func() { g.run(ctx) }) })
}

// works has work done on each partition that is or will be assigned. It is called
// once.
func (g *member) works(work func(context.Context, *stream.Claim) error) {
	g.work = work
	close(g.working)
}

// await returns when the group has been left.
func (g *member) await() { g.running.Wait() }

// rejoinPause is how long the group is left alone after it failed.
const rejoinPause = 2 * time.Second

func (g *member) run(ctx context.Context) {
	for ctx.Err() == nil {
		g.joined.Store(true)
		err := g.cluster.Consume(ctx, stream.GroupConfig{ID: g.group, Topics: []string{g.topic}, Log: g.log}, g.claimed)
		if err != nil {
			g.failed.Store(&err)
		}
		g.joined.Store(false)
		if ctx.Err() != nil {
			return
		}
		g.log.Error("the consumer group failed; joining again", "group", g.group, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(rejoinPause):
		}
	}
}

// away says why the group is not joined.
func (g *member) away() *pipeline.Error {
	e := &pipeline.Error{Op: "readiness", Kind: pipeline.Unavailable, Reason: "the consumer group is not joined"}
	failed := g.failed.Load()
	if failed == nil {
		return e
	}
	e.Err = *failed
	e.Reason += ": " + e.Err.Error()
	var known *pipeline.Error
	if errors.As(e.Err, &known) {
		e.Hint = known.Hint
	}
	return e
}

// claimed works on a partition once there is a model.
func (g *member) claimed(ctx context.Context, claim *stream.Claim) error {
	select {
	case <-g.working:
		return g.work(ctx, claim)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
