package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// fakeTime is the library by which a process sees a clock that a file sets apart
// from the machine's (Debian: faketime).
const fakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

// brokersJava lets the broker tell its clients to come by another address and, as
// long as the library is there, have a clock of its own; it gives the variables for
// the machine. The clock by which waits are measured stays what it is, as when a
// real one is set.
func brokersJava(dir, address string) ([]string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, err
	}
	script := `#!/bin/sh
for last; do :; done
case $last in *server.properties) sed -i 's|^advertised.listeners=.*|advertised.listeners=PLAINTEXT://` + address + `|' "$last" ;; esac
`
	if _, err := os.Stat(fakeTime); err == nil { // else the fault that needs it says so
		script += fmt.Sprintf("export LD_PRELOAD=%s FAKETIME_TIMESTAMP_FILE=%s FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0\n",
			fakeTime, filepath.Join(dir, "clock"))
	}
	script += "exec " + java + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "clock"), []byte("+0"), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "java"), []byte(script), 0o755); err != nil {
		return nil, err
	}
	return []string{"PATH=" + dir + ":" + os.Getenv("PATH")}, nil
}

// setClock sets the broker's clock so far from the machine's.
func (w *world) setClock(by time.Duration) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.clock, "clock"), fmt.Appendf(nil, "%+d", int(by.Seconds())), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// clockSteps sets the broker's clock on and back, and back and on, while a model
// trains. Kafka refuses records whose time is an hour ahead of its own: what is
// predicted meanwhile waits.
func clockSteps(w *world) {
	w.t.Helper()
	const step = 90 * time.Minute
	w.trainingWhile(func() {
		for _, by := range []time.Duration{step, 0, -step, 0} {
			w.setClock(by)
			time.Sleep(w.outage / 2) // the fault lasts so long
		}
	})
}
