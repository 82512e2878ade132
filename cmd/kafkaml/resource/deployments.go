package resource

import (
	"context"
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
			{"STATUS", func(d pipeline.Deployment, _ *names) string { return statusAndPlace(d) }},
			{"RESULTS", func(d pipeline.Deployment, _ *names) string { return ids(d.Results) }},
			{"AGE", func(d pipeline.Deployment, n *names) string { return terminal.Ago(d.Created, n.now) }},
		},
		details: showDeployment,
		members: deploymentMembers(env),
		filters: []filter{
			{name: "configuration", usage: "only those of `CONFIGURATION`", ref: toConfiguration},
			{name: "status", usage: "only those in `STATUS`", words: pipeline.Words(pipeline.DeploymentStatus(""))},
		},
	}
}

// deploymentMembers are those of the form, where from may name an alias.
func deploymentMembers(env *cli.Env) []member {
	all := withWords(membersOf(pipeline.DeploymentForm{}), "engine", env.Frameworks.Kinds().Engines())
	for i := range all {
		if m := &all[i]; m.name == "from" {
			m.spread = func(text string) (map[string]any, error) { return resultOrAlias("from", text), nil }
			m.usage += ", or MODEL@ALIAS, which mode stream follows"
		}
	}
	return all
}

// fixed makes the alias that a deployment is to begin from a result, but where its mode
// is stream, which follows it.
func fixed(ctx context.Context, env *cli.Env, c *client.Client, data map[string]any) (err error) {
	alias, ok := data["follows"].(string)
	if !ok || data["mode"] == string(pipeline.ModeStream) || data["incremental"] == true {
		return nil
	}
	delete(data, "follows")
	data["from"], err = toResult.id(ctx, env, c, alias)
	return err
}

func statusAndPlace(d pipeline.Deployment) string {
	if d.Place == 0 {
		return string(d.Status)
	}
	return fmt.Sprintf("%s (%d in the queue)", d.Status, d.Place)
}

func showDeployment(w io.Writer, d pipeline.Deployment) error {
	err := facts(w, factsOf(d, special{
		"last_rejection": {"last rejected", rejected(d.LastRejection)}, "retraining": {"schedule", scheduleOf(d)},
	})...)
	if err != nil {
		return err
	}
	return showDecisions(w, d.Retraining)
}

// rejected says why a stream was refused, and what to do.
func rejected(r *pipeline.StreamRejection) string {
	if r == nil {
		return ""
	}
	text := r.Reason
	if r.Field != "" {
		text = r.Field + ": " + text
	}
	if r.Hint != "" {
		text += " (" + r.Hint + ")"
	}
	return terminal.Plain(fmt.Sprintf("datasource %d: %s", r.Datasource, text))
}

func deployments(env *cli.Env) *cobra.Command {
	k := deploymentKind(env)
	cmd := &cobra.Command{Use: "deployments", Aliases: []string{"deployment"}, Short: "Configurations deployed for training"}
	var watch bool
	create := k.create(edit[pipeline.Deployment]{
		verb: "create", past: "created",
		check: func(ctx context.Context, c *client.Client, data map[string]any) error {
			return fixed(ctx, env, c, data)
		},
		done: func(ctx context.Context, c *client.Client, d pipeline.Deployment) error {
			for _, w := range d.Warnings {
				env.Note("warning: %s", w)
			}
			if watch {
				return watchTraining(ctx, env, c, d.ID)
			}
			if d.Status != pipeline.DeploymentWaiting {
				return tellTakenOver(ctx, env, c, d)
			}
			if d.Mode == pipeline.ModeStream {
				env.Note("it waits for a topic to follow: %s datasources create --topic TOPIC --deployment %d", env.Program, d.ID)
				return nil
			}
			env.Note("it waits for a stream: %s stream send FILE --topic TOPIC --deployment %d", env.Program, d.ID)
			return nil
		},
	}, membersUsage)
	create.Short = "Deploy a configuration for training"
	create.Example = "  " + env.Program + " deployments create --configuration digits --batch-size 32 --training-kwargs 'epochs=5'"
	create.Flags().BoolVarP(&watch, "watch", "w", false, "follow its trainings until they end")
	stop := k.act(verb{name: "stop", past: "stopped", short: "End the trainings of deployments"})
	return cli.Group(cmd, create, k.list(), showTraining(k), stop, k.delete())
}

// tellTakenOver says which stream that was sent before a new deployment sets
// off its trainings.
func tellTakenOver(ctx context.Context, env *cli.Env, c *client.Client, d pipeline.Deployment) error {
	if len(d.Results) == 0 {
		return nil
	}
	r, err := c.Results().Get(ctx, d.Results[0])
	if err != nil || r.Datasource == 0 {
		return err
	}
	source, err := c.Datasources().Get(ctx, r.Datasource)
	if err == nil {
		env.Note("it trains on datasource %d, which was sent for deployment %d at %s, before it was created", source.ID, d.ID, stamp(source.Received))
	}
	return err
}

// showTraining is show, where --watch follows the trainings themselves.
func showTraining(k kind[pipeline.Deployment]) *cobra.Command {
	k.watch = func(ctx context.Context, c *client.Client, d pipeline.Deployment) error {
		return watchTraining(ctx, k.env, c, d.ID)
	}
	return k.show()
}
