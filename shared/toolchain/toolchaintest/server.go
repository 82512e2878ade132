// Package toolchaintest runs the servers that the toolchain fetches for tests, and
// keeps what they make once on a machine.
package toolchaintest

import (
	"bufio"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// listening is what a server on Quarkus says once it answers.
var listening = regexp.MustCompile(`Listening on: (http://[0-9.:]+)`)

// Quarkus starts a server, which is called name, for the length of a test, in a
// process group of its own, and gives the URL at which it serves, once it does.
func Quarkus(t testing.TB, name string, process *exec.Cmd) (url string) {
	t.Helper()
	said, says := io.Pipe()
	process.Stdout, process.Stderr = says, says
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started, ended := make(chan error), make(chan struct{})
	go func() { // the signal of a parent's death is bound to the thread that started the child
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // it is killed
		}
		_ = says.Close()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-process.Process.Pid, syscall.SIGKILL) // with what a script has started
		<-ended
	})
	url, words := address(said)
	if url == "" {
		t.Fatalf("%s did not start: %s", name, words)
	}
	return url
}

// address reads what a server says until it says where it listens, and lets it go
// on talking.
func address(said io.Reader) (url, words string) {
	var all strings.Builder
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the process
			return m[1], ""
		}
	}
	return "", all.String()
}
