package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func deploymentKind(env *cli.Env) kind[pipeline.Deployment] {
	return kind[pipeline.Deployment]{
		env: env, of: (*client.Client).Deployments, one: "deployment", many: "deployments",
		columns: []column[pipeline.Deployment]{
			{"ID", func(d pipeline.Deployment, _ *names) string { return fmt.Sprint(d.ID) }},
			{"CONFIGURATION", func(d pipeline.Deployment, n *names) string { return n.configuration(d.Configuration) }},
			{"BATCH", func(d pipeline.Deployment, _ *names) string { return fmt.Sprint(d.BatchSize) }},
			{"EPOCHS", func(d pipeline.Deployment, _ *names) string { return fmt.Sprint(d.TrainingKwargs.Epochs) }},
			{"STATUS", func(d pipeline.Deployment, _ *names) string { return string(d.Status) }},
			{"RESULTS", func(d pipeline.Deployment, _ *names) string { return ids(d.Results) }},
			{"AGE", func(d pipeline.Deployment, n *names) string { return terminal.Ago(d.Created, n.now) }},
		},
		details: showDeployment,
		members: deploymentMembers(),
		filters: []filter{
			{name: "configuration", usage: "only those of `CONFIGURATION`", ref: toConfiguration},
			{name: "status", usage: "only those in `STATUS`", words: []string{"waiting", "training", "finished", "failed", "stopped"}},
		},
	}
}

func deploymentMembers() []member {
	return []member{
		{name: "configuration", usage: "`CONFIGURATION`: name or id", required: true, ref: toConfiguration},
		{name: "batch_size", usage: "`N` records a step", required: true, parse: integer},
		{name: "training_kwargs", usage: "arguments of Keras' fit: `'epochs=5, steps_per_epoch=1000'`, or a JSON object", parse: kwargs},
		{name: "validation_kwargs", usage: "arguments of Keras' evaluate: `'steps=100'`, or a JSON object", parse: kwargs},
		{name: "seed", usage: "`N` for shuffling", parse: integer},
		{name: "engine", usage: "`ENGINE`: auto, graph or xla", words: []string{"auto", "graph", "xla"}},
		{name: "gpus", usage: "`N` GPUs for each training", parse: integer},
		{name: "description", usage: "`TEXT` for people"},
		{name: "resources.cpu", flag: "cpu", usage: "Kubernetes `QUANTITY` of CPU for each training"},
		{name: "resources.memory", flag: "memory", usage: "Kubernetes `QUANTITY` of memory for each training"},
		{name: "resources.node_selector", flag: "node-selector", usage: "`LABEL=VALUE,...` of the nodes to train on", parse: pairs},
		{name: "resources.priority_class", flag: "priority-class", usage: "Kubernetes priority class `NAME`"},
		{name: "resources.deadline_seconds", flag: "deadline", usage: "end a training after `SECONDS`", parse: integer},
	}
}

func showDeployment(w io.Writer, d pipeline.Deployment) error {
	training, err := json.Marshal(d.TrainingKwargs)
	if err != nil {
		return err
	}
	validation, err := json.Marshal(d.ValidationKwargs)
	if err != nil {
		return err
	}
	return facts(w, "id", fmt.Sprint(d.ID), "configuration", fmt.Sprint(d.Configuration), "description", d.Description,
		"batch size", fmt.Sprint(d.BatchSize), "training", string(training), "validation", string(validation),
		"seed", fmt.Sprint(d.Seed), "engine", string(d.Engine), "gpus", fmt.Sprint(d.GPUs),
		"status", string(d.Status), "results", ids(d.Results), "created", stamp(d.Created), "updated", stamp(d.Updated))
}

func deployments(env *cli.Env) *cobra.Command {
	k := deploymentKind(env)
	cmd := &cobra.Command{Use: "deployments", Aliases: []string{"deployment"}, Short: "Configurations deployed for training"}
	var watch bool
	create := k.create(edit[pipeline.Deployment]{
		verb: "create", past: "created",
		done: func(ctx context.Context, c *client.Client, d pipeline.Deployment) error {
			if watch {
				return watchTraining(ctx, env, c, d.ID)
			}
			if d.Status == pipeline.DeploymentWaiting {
				env.Note("it waits for a stream: %s stream send FILE --topic TOPIC --deployment %d", env.Program, d.ID)
			}
			return nil
		},
	}, membersUsage)
	create.Short = "Deploy a configuration for training"
	create.Example = "  " + env.Program + " deployments create --configuration digits --batch-size 32 --training-kwargs 'epochs=5'"
	create.Flags().BoolVarP(&watch, "watch", "w", false, "follow its trainings until they end")
	stop := k.act(verb{name: "stop", past: "stopped", short: "End the trainings of deployments"})
	return cli.Group(cmd, create, k.list(), showTraining(k), stop, k.delete())
}

// showTraining is show, where --watch follows the trainings themselves.
func showTraining(k kind[pipeline.Deployment]) *cobra.Command {
	k.watch = func(ctx context.Context, c *client.Client, d pipeline.Deployment) error {
		return watchTraining(ctx, k.env, c, d.ID)
	}
	return k.show()
}
