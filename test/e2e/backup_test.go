package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// killedRestore kills a restore as soon as it has begun to write.
func killedRestore(t *testing.T, m *machine, args ...string) {
	t.Helper()
	half := m.path("data/artifacts/restoring")
	c := m.command(args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(waitTime); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(half); err == nil {
			break
		}
	}
	terminate(c.Process.Pid, syscall.SIGKILL)
	_ = c.Wait() // says that it was killed
	if _, err := os.Stat(half); err != nil || c.ProcessState.Exited() {
		t.Errorf("it was not killed in the middle: %v, %v", c.ProcessState, err)
	}
}

// backedUpByNight runs the command line of the CronJob in the documentation, with
// no variables but those that it gives, and reads the file that comes of it.
func backedUpByNight(t *testing.T, m *machine, url string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, job, _ := strings.Cut(string(text), "kind: CronJob")
	said := regexp.MustCompile(`\n +args: \[(.*)\]\n`).FindStringSubmatch(job)
	if said == nil {
		t.Fatal("the CronJob has no command line")
	}
	to := m.path("backups")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	c := m.command(strings.Split(strings.ReplaceAll(said[1], "/backups", to), ", ")...)
	c.Env = []string{"DATABASE_URL=" + url, "ARTIFACT_URL=file://" + m.path("data/artifacts")}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	m.kafkaml("restore", files[0], "--data", m.path("by-night"))
}

// A backup that was taken while kafkaml ran brings back what was destroyed: in
// another database and another folder, everything is as it was, what served serves,
// and what trained trains once more. Where Kafka is gone, too, rows say so.
func TestBackUpAndRestore(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/upgrade/*.tar.zst")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	dir := folder(t)
	unpack(t, archives[0], dir)
	m := resume(t, filepath.Join(dir, "sqlite"))
	long := m.created("deployments", "create", "--configuration", "one", "--batch-size", "2", "--training-kwargs", "epochs=20000, verbose=0")
	m.kafkaml("datasources", "resend", "1", "--deployment", long)
	running := func(attempt int) (r pipeline.Result) {
		within(t, waitTime, fmt.Sprint("attempt ", attempt), func() (string, bool) {
			r = m.results(long)[0]
			return fmt.Sprintf("%+v", r), r.Status == pipeline.ResultRunning && r.Attempt == attempt && r.EpochsDone > 0
		})
		return r
	}
	first := running(1)
	file := m.path("backup.tar")
	m.kafkaml("backup", file, "--data", m.path("data"))
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
	said := jsonOf[any](m, "results", "show", "1")
	if _, err, code := m.try("backup", file, "--data", m.path("data")); code == 0 || !strings.Contains(err, "is there") {
		t.Errorf("over a file that is there: %d, %s", code, err)
	}
	if _, err, code := m.try("restore", file, "--data", m.path("data"), "--replace"); code == 0 || !strings.Contains(err, "in use by another kafkaml") {
		t.Errorf("below a kafkaml that runs: %d, %s", code, err)
	}
	m.kill()
	files, err := filepath.Glob(m.path("data/registry.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, gone := range append(files, m.path("data/artifacts")) {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
	}
	url := registrytest.Postgres(t)
	killedRestore(t, m, "restore", file, "--data", m.path("data"), "--database", url)
	m.kafkaml("restore", file, "--data", m.path("data"), "--database", url)
	m.args = append(m.args, "--database", url)
	m.start()
	if path := differs(said, jsonOf[any](m, "results", "show", "1")); path != "" {
		t.Errorf("result 1: %s is not what it was", path)
	}
	servesAgain(t, m, "inference-1", true)
	backedUpByNight(t, m, url)
	again := running(2)
	if again.ID != first.ID || again.Lost != 1 {
		t.Errorf("result %d after %d times lost, it was %d", again.ID, again.Lost, first.ID)
	}
	m.end(syscall.SIGINT)
	if err := os.RemoveAll(m.path("data")); err != nil {
		t.Fatal(err)
	}
	m.args = slices.Clone(m.args[:2])
	m.kafkaml("restore", file, "--data", m.path("data"))
	m.start()
	within(t, waitTime, "what the training says of its topic", func() (string, bool) {
		r := m.results(long)[0]
		return fmt.Sprintf("%+v", r), r.Status == pipeline.ResultFailed && strings.Contains(r.Reason, "points")
	})
	if d := jsonOf[pipeline.Datasource](m, "datasources", "show", "1"); d.Retention.State != pipeline.Expired {
		t.Errorf("%+v", d.Retention)
	}
	m.kafkaml("results", "download", "1", "--to", m.path("again.zip"))
	unzip(t, m.path("again.zip"), m.path("again"))
}
