package streaming

import (
	"context"
	"fmt"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// suits refuses a stream that a model of its deployment cannot read, before
// the first record is sent. A server that does not answer, or a deployment that
// is yet to be made, is no reason to refuse: a stream may come first.
func suits(ctx context.Context, env *cli.Env, config control.SinkConfig) error {
	models, err := modelsOf(ctx, env, config.Deployment)
	switch pipeline.KindOf(err) {
	case pipeline.NotFound, pipeline.Unavailable:
		env.Note("not checked against the models of deployment %d: %s", config.Deployment, err)
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	for _, m := range models {
		binding := codec.Binding{Inputs: m.Inputs, Labels: m.Labels}
		if _, err := codec.New(config.Format, config.Config, binding); err != nil {
			return &pipeline.Error{
				Op: "send stream", Kind: pipeline.Invalid, Err: fmt.Errorf("model %s of deployment %d cannot read it: %w", m.Name, config.Deployment, err),
				Hint: "--label, --drop, --format and --dtype change what is sent; --unchecked sends it all the same",
			}
		}
	}
	return nil
}

func modelsOf(ctx context.Context, env *cli.Env, deployment int64) ([]pipeline.Model, error) {
	c, err := env.Client(ctx)
	if err != nil {
		return nil, err
	}
	d, err := c.Deployments().Get(ctx, deployment)
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
