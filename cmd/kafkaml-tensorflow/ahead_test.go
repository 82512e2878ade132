package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// threads gives the status of each thread of a process.
func threads(t *testing.T, pid int) (all []string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, file := range files {
		if status, err := os.ReadFile(file); err == nil { // else it has ended
			all = append(all, string(status))
		}
	}
	return all
}

// A process that waits for work has opened the library, and the fences hold in all its
// threads once it knows what to do: whatever the library has started, they are behind.
func TestFencedAfterWaiting(t *testing.T) {
	p := begin(t, []string{"KAFKAML_AHEAD=stdin"}, "train")
	pid := p.cmd.Process.Pid
	until(t, "the libraries are open", func() bool {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		return err == nil && strings.Contains(string(maps), "libtensorflow_cc.so") && strings.Contains(string(maps), "libonnxruntime.so")
	})

	closed, err := net.Listen("tcp", "127.0.0.1:0") // so that what it has to tell is offered for a while
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(pipeline.TrainingJob{
		Result: 1, Attempt: 1, Artifact: "models/1", Output: "results/1/attempt-1", Export: tensorflowtest.Load(t, "small").Export, BatchSize: 1, TrainingKwargs: pipeline.TrainingKwargs{Epochs: 1},
		InputFormat: pipeline.RAW, InputConfig: json.RawMessage(`{"data_type": "float32", "data_reshape": "3", "label_type": "float32", "label_reshape": "1"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = platform.Tell(p.stdin, []string{
		platform.JobVariable + "=" + string(job), platform.ParentVariable + "=stdin", "ARTIFACT_URL=file://" + t.TempDir(),
		"KAFKA_BROKERS=" + address, platform.BrokersVariable + "=" + address, "K_SINK=http://" + address + "/", "TMPDIR=" + t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is fenced and at work", func() bool { return p.ended() || strings.Contains(p.out.String(), `"msg":"fenced"`) })
	t.Log(len(threads(t, pid)), "threads")
	for _, status := range threads(t, pid) {
		for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(status, want) {
				t.Errorf("a thread without %q:\n%s", want, status)
			}
		}
	}
}

// What waits ends with who started it, and says so where it is told nonsense.
func TestWaitsInVain(t *testing.T) {
	for name, told := range map[string]string{"nothing": "", "no list": `{"KAFKAML_JOB": 1}`, "half of it": `["KAFKAML_JOB=`} {
		p := begin(t, []string{"KAFKAML_AHEAD=stdin"}, "train")
		if _, err := p.stdin.Write([]byte(told)); err != nil {
			t.Fatal(err)
		}
		if err := p.stdin.Close(); err != nil {
			t.Fatal(err)
		}
		if code := p.code(t); code != 1 || !strings.Contains(p.out.String(), "KAFKAML_AHEAD") {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
}
