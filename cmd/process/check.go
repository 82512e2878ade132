package process

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// Check is the verb that opens a trained model of frameworks, and runs it once, to see
// whether it can be served.
func Check(frameworks framework.Frameworks) Verb {
	return Verb{
		Name: "check", Short: "open the trained model that " + platform.CheckVariable + " describes, as an inference does",
		Environment: "nothing else", Variable: platform.CheckVariable,
		Open: func(*slog.Logger) (Work, error) {
			var job pipeline.CheckJob
			if err := platform.ReadDescription(os.Getenv, platform.CheckVariable, &job); err != nil {
				return Work{}, err
			}
			f, err := frameworks.Get(job.Framework)
			if err != nil {
				return Work{}, err
			}
			run := func(context.Context) error { return check(f, job) }
			return Work{Name: "check", Run: run, Artifacts: (&url.URL{Scheme: "file", Path: job.Folder}).String(), Read: []string{job.Trained}}, nil
		},
	}
}

// check is nil where a model can be served. Its error is of CheckedField where it is
// the model's fault.
func check(f framework.Framework, job pipeline.CheckJob) error {
	c, ok := f.(framework.Checker)
	if !ok {
		return nil
	}
	err := c.Check(framework.PredictorOptions{Dir: filepath.Join(job.Folder, job.Trained), Export: job.Export})
	if err == nil || pipeline.KindOf(err) == pipeline.Unavailable {
		return err
	}
	said := pipeline.RejectionOf(err)
	return &pipeline.Error{Kind: pipeline.Invalid, Field: platform.CheckedField, Reason: said.Reason, Hint: said.Hint, Err: err}
}
