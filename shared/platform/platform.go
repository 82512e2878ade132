// Package platform is the contract for running what a function cannot run in
// itself: a training as a Job that ends, an inference as a Service of some
// replicas. Package local runs both as child processes of this machine, package
// kubernetes as Kubernetes Jobs and Knative Services. Package platformtest is
// the suite that every backend passes.
package platform

import (
	"context"
	"fmt"
	"regexp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Job is one training: a process that runs to its end.
type Job struct {
	Name      string               // DNS label, "train-<result>-<attempt>"
	Owner     string               // who asked for it: people take turns where Jobs wait
	Spec      pipeline.TrainingJob // read by the process with ReadDescription
	Env       []string             // NAME=value
	Resources pipeline.Resources
	GPUs      int
}

// LeftFree is how much of what a disk has free, in bytes, one process leaves of it.
func LeftFree(free int64) int64 { return free / 8 }

// Ended is how a Job ended. Unless it is OK, Reason and Hint explain the end to
// a person: exit code, signal, out of memory, deadline. Log is the last LogBytes
// of the process's output.
type Ended struct {
	Name    string
	Result  int64
	Attempt int
	OK      bool
	Reason  string
	Hint    string
	Log     string
}

// Jobs starts and stops Jobs.
type Jobs interface {
	// Start queues a Job and returns before it runs. If a Job of that name is
	// queued or running already, Start does nothing.
	Start(ctx context.Context, job Job) error
	// Stop ends a Job and waits until it is gone. OnEnded is not called for it.
	// A Job that does not exist is no error.
	Stop(ctx context.Context, name string) error
	// Running lists the Jobs that are queued or running, and those that have
	// ended but for which OnEnded has not returned yet.
	Running(ctx context.Context) ([]string, error)
	// Queue names the Jobs that wait for others to end, as they would begin. It is
	// empty where that is for a cluster's scheduler to say.
	Queue() []string
	// Log returns the last LogBytes of a Job's output, while it runs and at
	// least until OnEnded has returned. It is empty for a Job that does not exist.
	Log(ctx context.Context, name string) (string, error)
}

// Service is one inference: replicas of the predict process.
type Service struct {
	Name     string              // DNS label
	Spec     pipeline.PredictJob // read by each replica with ReadDescription
	Env      []string
	MinScale int // replicas; 0 lets a cluster scale to zero
	MaxScale int // equals MinScale unless a range was given
	Delivery pipeline.Delivery
}

// ServiceStatus is the state of a Service.
type ServiceStatus struct {
	Ready   int      // replicas that answer
	Desired int      // replicas that should
	URL     string   // where the Service takes requests; may be empty while no replica is ready
	URLs    []string // one for each ready replica, where the platform has no load balancer
	Failed  string   // why replicas keep failing; empty while they do not
	Waiting string   // why a replica that was ready is not; empty while it is, and where that is not known
	Idle    bool     // scaled to zero: the next request starts a replica
}

// Services runs inferences.
type Services interface {
	// Apply creates a Service, or changes it to s, and returns before the
	// replicas are ready. Replicas that s does not change run on undisturbed.
	Apply(ctx context.Context, s Service) error
	// Delete ends a Service of an inference and waits until its replicas have
	// drained. One that does not exist, or is not of that inference, is no error.
	Delete(ctx context.Context, name string, inference int64) error
	// Names returns the names of all existing Services by inference, whichever
	// process applied them.
	Names(ctx context.Context) (map[int64][]string, error)
	// Status returns the state of a Service, or NotFound.
	Status(ctx context.Context, name string) (ServiceStatus, error)
}

// LogBytes bounds Ended.Log and what Jobs.Log returns: the end of the output.
const LogBytes = 256 << 10

// label is a DNS label (RFC 1123). Names become names of files and of objects.
var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// CheckName returns an Invalid error for what cannot be the name of a Job or a
// Service.
func CheckName(name string) error {
	if label.MatchString(name) {
		return nil
	}
	return pipeline.Invalidf("name", "%q is not a name", name).
		WithHint("use up to 63 lower-case letters, digits and dashes, a letter or digit first and last")
}

// PastDeadline returns Ended.Reason and Ended.Hint for a Job that ran for longer
// than Resources.DeadlineSecs.
func PastDeadline(seconds int64) (reason, hint string) {
	return fmt.Sprintf("it took longer than its deadline of %d s", seconds), "raise resources.deadline_seconds"
}
