// Package local is the platform of a single machine: trainings and inferences are
// child processes, Jobs wait in a queue, and a proxy gives each Service one URL.
package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
)

// Config says how the children run.
type Config struct {
	Programs map[string]string // path of the program that trains and predicts, by framework
	Dir      string            // of the logs, in Dir/jobs and Dir/services
	Scratch  string            // for the children's temporary folders, emptied by New; Dir/scratch when empty
	Log      *slog.Logger
	BaseURL  string // where Proxy is mounted, "http://127.0.0.1:8080/predict"; a Service's URL is BaseURL/<name>/
	// OnEnded is called with the end of each Job, except those that Stop or Close
	// ended.
	OnEnded func(context.Context, platform.Ended)
	Brokers func() []string // where the brokers of Kafka say that they serve; a child may reach these
	Jobs    int             // Jobs at once; the number of cores when 0
	Queue   int             // Jobs that may wait; 10,000 when 0
	Grace   time.Duration   // from SIGTERM to SIGKILL; 20 s when 0
}

// Platform runs Jobs and Services as child processes, each in its own process
// group. They end with this process, however it ends, and nothing is persisted:
// after a restart the owners of Jobs and Services start them again.
type Platform struct {
	c     Config
	spawn *spawner
	lacks string // fences that this machine has not got, and that children may not be without
	jobs  *localJobs
	http  *http.Client // for readiness checks

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	wg     sync.WaitGroup // owns every goroutine of the platform

	mu       sync.Mutex
	services map[string]*service
}

// New creates the folders. Close ends every process that is started later.
func New(c Config) (*Platform, error) {
	if c.Jobs == 0 {
		c.Jobs = runtime.NumCPU()
	}
	if c.Queue == 0 {
		c.Queue = 10_000
	}
	if c.Grace == 0 {
		c.Grace = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	for name, path := range c.Programs {
		if _, err := os.Stat(path); err != nil {
			return nil, &pipeline.Error{
				Op: "run processes", Kind: pipeline.Unavailable, Reason: fmt.Sprintf("the program for training and inference with %s is missing: %v", name, err),
				Hint: "build it with `make build`", Err: err,
			}
		}
	}
	if err := makeFolders(&c); err != nil {
		return nil, &pipeline.Error{Op: "run processes", Kind: pipeline.Unavailable, Err: err}
	}
	l := &Platform{c: c, spawn: newSpawner(), http: &http.Client{Timeout: 2 * time.Second}, services: map[string]*service{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.jobs = newLocalJobs(l)
	l.reportFences()
	return l, nil
}

// reportFences says which fences will stand between a model and this machine.
// Where one is missing, no child is started unless KAFKAML_FENCE says so; a child
// by itself would refuse only once it is needed.
func (l *Platform) reportFences() {
	r, policy := fence.Probe(), os.Getenv(fence.Variable)
	lacks := r.Lacks()
	switch {
	case policy == "off":
		l.c.Log.Warn("no fence will stand between models and this machine", "because", fence.Variable+"=off")
	case lacks == "":
		l.c.Log.Info("trainings and inferences will be fenced", "fences", r.Held)
	default:
		l.c.Log.Warn("this machine lacks fences", "missing", lacks, "fences", r.Held, "models run all the same", policy == "some")
		if policy != "some" {
			l.lacks = lacks
		}
	}
}

// makeFolders makes the folders for logs, and an empty one for the children's
// temporary files: children that were killed have left theirs, such as the cache
// of a stream.
func makeFolders(c *Config) error {
	if c.Scratch == "" {
		c.Scratch = filepath.Join(c.Dir, "scratch")
	}
	if err := os.RemoveAll(c.Scratch); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Join(c.Dir, jobLogs), filepath.Join(c.Dir, serviceLogs), c.Scratch} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	return nil
}

// The folders of logs below Config.Dir.
const (
	jobLogs     = "jobs"
	serviceLogs = "services"
)

// Close ends every child: SIGTERM, then SIGKILL once the grace is over, and
// waits for all of them. OnEnded is not called for the Jobs among them.
func (l *Platform) Close() error {
	l.jobs.close()
	l.cancel()
	l.wg.Wait()
	l.spawn.close()
	l.http.CloseIdleConnections()
	return nil
}

// suspects is the folder of the markers of a Service's replicas; New empties it, since
// the replicas were killed with the process that started them.
func (l *Platform) suspects(service string) string {
	return filepath.Join(l.c.Scratch, "suspects", service)
}

// goRun runs f in a goroutine that Close waits for.
func (l *Platform) goRun(f func()) {
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		f()
	}()
}
