package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/platformtest"
)

// onDisk runs the program of dir as a Job whose folders lie there too, and prints how
// it ended.
func onDisk(dir string) int {
	ended := make(chan platform.Ended, 1)
	l, err := New(Config{
		Programs: map[string]string{"": filepath.Join(filepath.Dir(dir), "program")}, Dir: dir, Log: quiet,
		OnEnded: func(_ context.Context, e platform.Ended) { ended <- e },
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer l.Close()
	job := platformtest.Job(1, "")
	job.Spec.Output, job.Spec.Checkpoint = "results/1/attempt-1", "results/1/checkpoint"
	job.Env = append(job.Env, "ARTIFACT_URL=file://"+filepath.Join(dir, "store"), "STORE="+filepath.Join(dir, "store"))
	if err := os.MkdirAll(filepath.Join(dir, "store", job.Spec.Output), 0o700); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := l.Start(context.Background(), job); err != nil {
		fmt.Println(err)
		return 1
	}
	e := <-ended
	fmt.Println(e.OK, e.Reason)
	fmt.Print(e.Log)
	return 0
}

// A process that fills the disk is ended before it is full, wherever it may write and
// though it keeps checkpoints; one that was not at fault is not.
func TestAttackDiskIsFilled(t *testing.T) {
	const writes = "while head -c 1000000 /dev/zero >&3; do sleep 0.02; done 2>&1\n"
	const filled = "false it was ended because it filled the disk: it had written "
	for name, c := range map[string]struct{ program, want string }{
		"a temporary file":      {`exec 3> "$TMPDIR/f"; ` + writes, filled},
		"a file without a name": {`exec 3> "$TMPDIR/f"; rm "$TMPDIR/f"; ` + writes, filled},
		"its result":            {`exec 3> "$STORE/results/1/attempt-1/f"; ` + writes, filled},
		"many files":            {`mkdir "$TMPDIR/d"; while :; do for i in $(seq 99); do n=$((n+1)); : > "$TMPDIR/d/$n"; done; sleep 0.02; done 2>&1`, filled + "0 MiB in "},
		"others fill it":        {`head -c 1000000 /dev/zero > "$TMPDIR/f"; head -c 60000000 /dev/zero > "$STORE/f"; sleep 0.5`, "true "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "disk")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "program"), []byte("#!/bin/sh\n"+c.program+"\n"), 0o700); err != nil { // #nosec G306 -- it is executed
				t.Fatal(err)
			}
			out, err := artifacttest.OnDisk(dir, 64, os.Args[0], "disk", dir).CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), c.want) || strings.Contains(string(out), "No space") {
				t.Errorf("%s, %v", out, err)
			}
		})
	}
}
