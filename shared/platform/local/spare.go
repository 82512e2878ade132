package local

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
)

const (
	spareTime  = 5 * time.Minute // that a spare waits: who deploys sends a stream soon, or much later
	mostSpares = 2
)

// spares are processes that wait to be told their work, with the library open that a
// Job would spend the first tenth of a second on. They know nothing of anybody's work,
// and have opened no model: the fences are raised once they are told of one.
type spares struct {
	l     *Platform
	waits time.Duration // how long each does

	mu      sync.Mutex
	waiting []spare
	closed  bool
}

// spare is one of them. What it was started as, it can do.
type spare struct {
	*process
	program, verb string
	over          context.CancelFunc // it waits no longer
}

// Expect implements Jobs. As many processes wait as can be of use at once.
func (l *Platform) Expect(framework string) {
	program, ok := l.c.Programs[framework]
	if !ok || l.lacks != "" {
		return
	}
	s := l.spares
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropEnded()
	if s.closed || len(s.waiting) >= min(mostSpares, l.c.Jobs) {
		return
	}
	environment := append(fence.Inherited(os.Environ()), platform.AheadVariable+"=stdin")
	p, err := l.spawnProcess(program, pipeline.StepTrain, environment)
	if err != nil {
		l.c.Log.Warn("no process waits for the training that is expected", "error", err)
		return
	}
	ctx, over := context.WithTimeout(l.ctx, s.waits)
	s.waiting = append(s.waiting, spare{process: p, program: program, verb: pipeline.StepTrain, over: over})
	l.goRun(func() { s.watch(ctx, p) })
}

// close makes sure that no more processes are started to wait. Those that do end with
// the platform's context.
func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// dropEnded forgets those that somebody else has ended. The caller holds the lock.
func (s *spares) dropEnded() {
	s.waiting = slices.DeleteFunc(s.waiting, func(one spare) bool {
		ended := len(one.exited) > 0
		if ended {
			one.over()
		}
		return ended
	})
}

// watch ends a process that nobody has taken once its time is over.
func (s *spares) watch(ctx context.Context, p *process) {
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropEnded() // whose number may be that of a stranger's group by now
	at := slices.IndexFunc(s.waiting, func(one spare) bool { return one.process == p })
	if at >= 0 {
		s.waiting = slices.Delete(s.waiting, at, at+1)
		p.signal(syscall.SIGKILL) // it has done nothing yet
	}
}

// take gives a process that was started as a program's verb, and still runs; nil if
// there is none.
func (s *spares) take(program, verb string) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropEnded()
	at := slices.IndexFunc(s.waiting, func(one spare) bool { return one.program == program && one.verb == verb })
	if at < 0 {
		return nil
	}
	one := s.waiting[at]
	s.waiting = slices.Delete(s.waiting, at, at+1)
	one.over()
	return one.process
}

// tell gives a spare its work. One that has ended meanwhile cannot be told.
func (p *process) tell(environment []string) error {
	err := platform.Tell(p.stdin, environment)
	if err != nil {
		p.signal(syscall.SIGKILL)
	}
	return err
}
