package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// script is a program of test/bench/python. It ends with the bench, however
// that ends. What it writes to standard error is kept: TensorFlow says much
// that nobody asked for.
func (b *bench) script(ctx context.Context, name string, args ...string) (*exec.Cmd, *lastWords) {
	cmd := exec.CommandContext(ctx, b.python, append([]string{filepath.Join("test", "bench", "python", name)}, args...)...)
	words := &lastWords{}
	cmd.Env, cmd.Stderr = b.env, words
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, words
}

// printed runs a script to its end and gives what it printed.
func (b *bench) printed(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd, words := b.script(ctx, name, args...)
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, words)
	}
	return out, err
}

// lastWords keeps the end of what is written to it.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

const mostWords = 4 << 10

// Write never fails.
func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-mostWords):]
	return len(p), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}

// loop serves a file of a model by a Python program, which does not end by
// itself.
func loop(script string, file func(*served) string, arguments ...string) func(context.Context, *bench, *served, string, string) (*running, error) {
	return func(ctx context.Context, b *bench, v *served, in, out string) (*running, error) {
		args := append([]string{b.broker.Addr, in, out, file(v), v.data.dtype.String()}, arguments...)
		cmd, words := b.script(ctx, script, append(args, v.data.sizes()...)...)
		r := &running{}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		ended := make(chan error, 1)
		go func() {
			ended <- cmd.Wait()
			if text := words.String(); !r.stopped.Load() {
				fmt.Fprintf(os.Stderr, "%s has ended by itself:\n%s\n", script, text)
			}
		}()
		r.pid, r.stop = cmd.Process.Pid, func() error {
			r.stopped.Store(true)
			_ = cmd.Process.Kill() // it may have ended
			<-ended                // by that signal
			return nil
		}
		var err error
		if r.began, err = startOf(r.pid); err != nil {
			return nil, err
		}
		return r, nil
	}
}
