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

// Job is one training process.
type Job struct {
	Name      string               // DNS label, "train-<result>-<attempt>"
	Spec      pipeline.TrainingJob // what the process reads by ReadDescription
	Env       []string             // NAME=value
	Resources pipeline.Resources
	GPUs      int
}

// Ended tells how a Job ended. Reason and Hint are for a person where OK is
// false: exit code, signal, out of memory, deadline. Log is the end of what the
// process wrote.
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
	// Start asks for a Job; one of the same name that is queued or running is
	// left as it is. It returns before the Job runs.
	Start(ctx context.Context, job Job) error
	// Stop ends a Job and waits until it has ended; a Job that does not exist
	// is no error. OnEnded is not called for it.
	Stop(ctx context.Context, name string) error
	// Running lists the Jobs that are queued or running, and those whose end
	// is still being told.
	Running(ctx context.Context) ([]string, error)
	// Log is the end of what a Job wrote, at most 256 KiB.
	Log(ctx context.Context, name string) (string, error)
}

// Service is the predict function of one inference.
type Service struct {
	Name     string // DNS label
	Spec     pipeline.PredictJob
	Env      []string
	MinScale int // replicas; 0 lets a cluster scale to none
	MaxScale int // equals MinScale unless a range was given
	Delivery pipeline.Delivery
}

// ServiceStatus is how a Service stands.
type ServiceStatus struct {
	Ready  int      // replicas that answer
	Wanted int      // replicas that should
	URL    string   // where the service takes requests; empty while none is ready
	URLs   []string // of each replica that is ready, where the platform has no balancer
	Failed string   // why replicas keep failing; empty while they do not
	Idle   bool     // it serves, by no replica as long as nothing comes
}

// Services runs inferences.
type Services interface {
	// Apply makes the Service as described, new or changed. It returns before
	// the replicas are ready. What is unchanged goes on undisturbed.
	Apply(ctx context.Context, s Service) error
	// Delete ends a Service and waits until its replicas have drained; one
	// that does not exist is no error.
	Delete(ctx context.Context, name string) error
	// Names gives the Services that there are, whichever process applied them,
	// by the inference that each serves.
	Names(ctx context.Context) (map[int64]string, error)
	// Status tells how a Service stands, NotFound where there is none.
	Status(ctx context.Context, name string) (ServiceStatus, error)
}

// LogBytes is how much of the end of a log is kept in Ended.Log and given by
// Jobs.Log.
const LogBytes = 256 << 10

// label is a DNS label (RFC 1123): names become names of files and of objects.
var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// CheckName refuses, as Invalid, what a Job or Service cannot be called.
func CheckName(name string) error {
	if label.MatchString(name) {
		return nil
	}
	return pipeline.Invalidf("name", "%q is not a name", name).
		WithHint("use up to 63 lower-case letters, digits and dashes, a letter or digit first and last")
}

// PastDeadline gives Ended.Reason and Ended.Hint of a Job that was ended
// because it ran for longer than Resources.DeadlineSecs.
func PastDeadline(seconds int64) (reason, hint string) {
	return fmt.Sprintf("it took longer than its deadline of %d s", seconds), "raise resources.deadline_seconds"
}
