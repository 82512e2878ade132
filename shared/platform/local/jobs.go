package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/rotate"
)

// localJobs queues Jobs and runs Config.Jobs of them at once, and one more of
// somebody who has none running: others cannot take all places for as long as they
// like. Jobs that follow a stream, which may never end, take none of these places;
// deploy-training bounds them.
type localJobs struct {
	l *Platform

	mu      sync.Mutex
	jobs    map[string]*localJob
	queue   fairQueue
	active  int
	running map[string]int // of them, by who asked for them
	closed  bool
}

// localJob is a Job from Start until OnEnded has returned for it.
type localJob struct {
	platform.Job
	stopped bool               // by Stop or Close: its end is not reported
	cancel  context.CancelFunc // ends the process; nil while the Job waits
	done    chan struct{}      // closed when the Job is no longer listed
	process *process
}

func newLocalJobs(l *Platform) *localJobs {
	return &localJobs{l: l, jobs: map[string]*localJob{}, running: map[string]int{}}
}

// Start implements Jobs.
func (l *Platform) Start(_ context.Context, job platform.Job) error {
	if err := platform.CheckName(job.Name); err != nil {
		return err
	}
	if _, err := platform.Describe(job.Spec); err != nil {
		return err
	}
	q := l.jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return &pipeline.Error{Op: "start job", Kind: pipeline.Unavailable, Reason: "this process is shutting down"}
	case q.jobs[job.Name] != nil:
		return nil
	case q.queue.len() >= l.c.Queue:
		return &pipeline.Error{
			Op: "start job", Kind: pipeline.Unavailable, Reason: fmt.Sprintf("%d jobs are waiting", q.queue.len()),
			Hint: "wait until some have ended, or stop a deployment",
		}
	}
	j := &localJob{Job: job, done: make(chan struct{})}
	q.jobs[job.Name] = j
	if job.Spec.Following != nil {
		q.begin(j)
		return nil
	}
	q.queue.push(j)
	q.fill()
	return nil
}

// fill starts waiting Jobs while there is a place. The caller holds the lock.
func (q *localJobs) fill() {
	for !q.closed {
		who, waits := q.queue.next(q.running)
		kept := q.active == q.l.c.Jobs && q.running[who] == 0
		if !waits || q.active >= q.l.c.Jobs && !kept {
			return
		}
		j := q.queue.pop(who)
		q.running[who]++
		q.active++
		q.begin(j)
	}
}

// begin starts the process of a Job. The caller holds the lock.
func (q *localJobs) begin(j *localJob) {
	ctx, cancel := context.WithCancel(q.l.ctx)
	if s := j.Resources.DeadlineSecs; s > 0 {
		ctx, cancel = context.WithTimeoutCause(q.l.ctx, time.Duration(s)*time.Second, errDeadline)
	}
	j.cancel = cancel
	q.l.goRun(func() {
		defer cancel()
		q.run(ctx, j)
	})
}

// errDeadline is the cause when a Job's context ends at its deadline.
var errDeadline = errors.New("past the deadline")

// run runs one Job to its end and reports the end.
func (q *localJobs) run(ctx context.Context, j *localJob) {
	ended := q.execute(ctx, j)
	q.mu.Lock()
	report := !j.stopped
	q.mu.Unlock()
	if report && q.l.c.OnEnded != nil {
		q.l.c.OnEnded(context.WithoutCancel(ctx), ended)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.jobs, j.Name)
	close(j.done)
	if j.Spec.Following != nil {
		return
	}
	q.active--
	if q.running[j.Owner]--; q.running[j.Owner] == 0 {
		delete(q.running, j.Owner)
	}
	q.fill()
}

// killRetries is how often a process that was killed is replaced, as a pod is in a
// cluster.
const killRetries = 2

// execute runs the process of a Job and returns how it ended. One that was killed,
// for want of memory as well, is replaced where the next one goes on from a
// checkpoint, or verifies.
func (q *localJobs) execute(ctx context.Context, j *localJob) platform.Ended {
	for retry := 0; ; retry++ {
		ended, killed := q.once(ctx, j)
		if !killed || retry == killRetries || ctx.Err() != nil || j.Spec.Checkpoint == "" && j.Spec.Receipt == nil {
			return ended
		}
		q.l.c.Log.Warn("a process is replaced", "job", j.Name, "reason", ended.Reason)
	}
}

// once runs one process of a Job, and reports whether it was killed from outside.
func (q *localJobs) once(ctx context.Context, j *localJob) (ended platform.Ended, killed bool) {
	ended = platform.Ended{Name: j.Name, Result: j.Spec.Result, Attempt: j.Spec.Attempt}
	p, err := q.l.startProcess(work{framework: j.Spec.Framework, verb: "train", variable: platform.JobVariable, spec: j.Spec, env: j.Env, keys: j.Spec.Written()}, q.l.jobLog(j.Name))
	if err != nil {
		ended.Reason = err.Error()
		return ended, false
	}
	q.mu.Lock()
	j.process = p
	q.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.end(context.Background(), q.l.c.Grace)
	}
	ended.OK, ended.Reason, ended.Hint = p.verdict()
	if errors.Is(context.Cause(ctx), errDeadline) {
		ended.OK = false
		ended.Reason, ended.Hint = platform.PastDeadline(j.Resources.DeadlineSecs)
	}
	ended.Log = p.log.tail(platform.LogBytes)
	return ended, p.killed() && p.files.excess == (room{})
}

// Stop implements Jobs.
func (l *Platform) Stop(ctx context.Context, name string) error {
	q := l.jobs
	q.mu.Lock()
	j := q.jobs[name]
	if j == nil {
		q.mu.Unlock()
		return nil
	}
	j.stopped = true
	if j.cancel == nil {
		q.queue.remove(j)
		delete(q.jobs, name)
		close(j.done)
	} else {
		j.cancel()
	}
	q.mu.Unlock()
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return &pipeline.Error{Op: "stop job " + name, Kind: pipeline.Unavailable, Err: context.Cause(ctx)}
	}
}

// close makes sure that no more Jobs start and no more ends are reported.
func (q *localJobs) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, j := range q.jobs {
		j.stopped = true
	}
}

// Running implements Jobs.
func (l *Platform) Running(context.Context) ([]string, error) {
	l.jobs.mu.Lock()
	defer l.jobs.mu.Unlock()
	names := make([]string, 0, len(l.jobs.jobs))
	for name := range l.jobs.jobs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Queue implements Jobs.
func (l *Platform) Queue() []string {
	l.jobs.mu.Lock()
	defer l.jobs.mu.Unlock()
	return l.jobs.queue.order(l.jobs.running)
}

// Log implements Jobs. It reads the file, which remains after the Job.
func (l *Platform) Log(_ context.Context, name string) (string, error) {
	if err := platform.CheckName(name); err != nil {
		return "", err
	}
	return rotate.Tail(l.jobLog(name), platform.LogBytes)
}

func (l *Platform) jobLog(name string) string { return filepath.Join(l.c.Dir, jobLogs, name+".log") }
