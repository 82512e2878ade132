package local

import (
	"os/exec"
	"runtime"
)

// spawner starts all children from one operating system thread that lives as
// long as the platform: the kernel sends the parent-death signal when the thread
// that started a child ends, and Go ends threads at will.
type spawner struct {
	requests chan spawnRequest
	done     chan struct{}
}

type spawnRequest struct {
	cmd    *exec.Cmd
	answer chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *spawner) run() {
	defer close(s.done)
	runtime.LockOSThread()
	for r := range s.requests {
		r.answer <- r.cmd.Start()
	}
}

// start is cmd.Start on the spawner's thread.
func (s *spawner) start(cmd *exec.Cmd) error {
	r := spawnRequest{cmd: cmd, answer: make(chan error, 1)}
	s.requests <- r
	return <-r.answer
}

// close ends the thread. start must not be called after it.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}
