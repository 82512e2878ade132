package streaming

import (
	"context"
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// learn finds what is to read the stream, and refuses one that would train
// nothing. A server that does not answer is no reason to refuse.
func (s *sending) learn(ctx context.Context) (err error) {
	if s.unchecked {
		return nil
	}
	if s.predict {
		return s.asRead(ctx)
	}
	s.models, err = s.modelsOf(ctx)
	if pipeline.KindOf(err) == pipeline.Unavailable {
		s.unknown, err = err, ctx.Err()
	}
	s.file.Inputs = s.inputs()
	return err
}

// suits refuses a stream that a model of its deployment cannot read, before the
// first record is sent, and says what a model would round.
func (s *sending) suits(reader *files.Reader) error {
	if s.unknown != nil {
		s.env.Note("not checked against the models of deployment %d: %s", s.config.Deployment, s.unknown)
	}
	for _, m := range s.models {
		if err := s.readable(m, reader); err != nil {
			return err
		}
	}
	var labels []pipeline.Tensor
	if len(s.models) > 0 {
		labels = s.models[0].Labels
		s.note(reader.FewClasses(s.models[0].Export))
	}
	s.note(reader.Rounded(s.inputs(), labels))
	return nil
}

func (s *sending) readable(m pipeline.Model, reader *files.Reader) error {
	_, err := codec.ForTraining(s.config.Format, s.config.Config, m.Export, false)
	if err == nil {
		err = reader.CheckLabels(m.Export)
	}
	if err == nil {
		err = m.CheckSplit(s.config.Split)
	}
	if err == nil {
		return nil
	}
	refusal := &pipeline.Error{
		Op: "send stream", Kind: pipeline.Invalid, Err: fmt.Errorf("model %s of deployment %d cannot read it: %w", m.Name, s.config.Deployment, err),
		Hint: "--label, --drop, --format and --dtype change what is sent; --unchecked sends it all the same",
	}
	var why *pipeline.Error
	if errors.As(err, &why) && why.Hint != "" {
		refusal.Hint = why.Hint + "; " + refusal.Hint
	}
	return refusal
}

// inputs are what the models take: all of a deployment take the same. They are
// nil where no model is known.
func (s *sending) inputs() []pipeline.Tensor {
	if len(s.models) == 0 {
		return nil
	}
	return s.models[0].Inputs
}

func (s *sending) modelsOf(ctx context.Context) ([]pipeline.Model, error) {
	c, err := s.env.Client(ctx)
	if err != nil {
		return nil, err
	}
	d, err := c.Deployments().Get(ctx, s.config.Deployment)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil, &pipeline.Error{
			Op: "send stream", Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no deployment %d, so nothing would train on the stream", s.config.Deployment),
			Hint: fmt.Sprintf("create it first; --unchecked sends the stream all the same, for one of this id that is created within %.0f hours", pipeline.StreamWait.Hours()),
		}
	}
	if err == nil {
		err = d.TakesStream()
	}
	if err == nil {
		err = d.TrainingKwargs.CheckMonitors(s.config.ValidationRate > 0)
	}
	if err != nil {
		return nil, err
	}
	var models []pipeline.Model
	by := client.Query{Filters: map[string]string{"configuration": fmt.Sprint(d.Configuration)}}
	for m, err := range c.Models().All(ctx, by) {
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}
