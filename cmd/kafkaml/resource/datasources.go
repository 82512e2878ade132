package resource

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func datasourceKind(env *cli.Env) kind[pipeline.Datasource] {
	return kind[pipeline.Datasource]{
		env: env, of: (*client.Client).Datasources, one: "datasource", many: "datasources",
		columns: []column[pipeline.Datasource]{
			{"ID", func(d pipeline.Datasource, _ *names) string { return fmt.Sprint(d.ID) }},
			{"DEPLOYMENT", func(d pipeline.Datasource, _ *names) string { return fmt.Sprint(d.Deployment) }},
			{"RANGES", func(d pipeline.Datasource, _ *names) string { return ranges(d.Ranges) }},
			{"FORMAT", func(d pipeline.Datasource, _ *names) string { return string(d.InputFormat) }},
			{"RECORDS", func(d pipeline.Datasource, _ *names) string { return terminal.Count(d.TotalMsg) }},
			{"SPLIT", func(d pipeline.Datasource, _ *names) string { return split(d) }},
			{"RETENTION", func(d pipeline.Datasource, _ *names) string { return retention(d) }},
			{"RECEIVED", func(d pipeline.Datasource, n *names) string { return terminal.Ago(d.Received, n.now) }},
		},
		details: showDatasource,
		members: membersOf(pipeline.DatasourceForm{}),
		filters: []filter{{name: "deployment", usage: "only those of `DEPLOYMENT`", ref: toDeployment}},
	}
}

// ranges are runs of records as the wire writes them: topic:partition:offset:length.
func ranges(all []pipeline.Range) string {
	text := make([]string, len(all))
	for i, r := range all {
		text[i] = fmt.Sprintf("%s:%d:%d:%d", r.Topic, r.Partition, r.Offset, r.Length)
	}
	return strings.Join(text, ", ")
}

// split is the share of each split: "80/10/10" for training, test, validation.
func split(d pipeline.Datasource) string {
	return fmt.Sprintf("%.0f/%.0f/%.0f", 100*(1-d.ValidationRate-d.TestRate), 100*d.TestRate, 100*d.ValidationRate)
}

// splitBy says which records are kept back.
func splitBy(by pipeline.SplitBy, seed int64) string {
	switch by {
	case pipeline.SplitRandom:
		return fmt.Sprintf("at random, seed %d", seed)
	case pipeline.SplitLabel:
		return fmt.Sprintf("at random by label, seed %d", seed)
	case pipeline.SplitTime:
	}
	return ""
}

func retention(d pipeline.Datasource) string {
	if d.Rejected != nil {
		return "rejected: " + d.Rejected.Reason
	}
	text := string(d.Retention.State)
	if d.Unused != nil {
		text = "unused: " + d.Unused.Reason + "; " + text
	}
	if d.Retention.Until != nil {
		text += " until about " + stamp(*d.Retention.Until)
	}
	return text
}

func showDatasource(w io.Writer, d pipeline.Datasource) error {
	kept := retention(d)
	if d.Rejected == nil && d.Retention.Reason != "" {
		kept += ": " + d.Retention.Reason
	}
	resend, shuffle, order := "", "", "by time of the records"
	if d.Order == pipeline.OrderPartition {
		order = "partition by partition"
	}
	if d.ResendOf != 0 {
		resend = fmt.Sprintf("datasource %d, nothing was sent again", d.ResendOf)
	}
	if d.Shuffle {
		shuffle = fmt.Sprintf("once before the split, seed %d", d.Seed)
	}
	err := facts(w, "id", fmt.Sprint(d.ID), "deployment", fmt.Sprint(d.Deployment), "description", d.Description,
		"ranges", ranges(d.Ranges), "without labels", unlabelled(d.Unsupervised), "looked up as", asked(d.Asked), "format", string(d.InputFormat), "config", string(d.InputConfig),
		"records", terminal.Count(d.TotalMsg), "training/test/validation %", split(d), "split", splitBy(d.Split, d.Seed), "order", order, "shuffled", shuffle,
		"retention", kept, "re-send of", resend, "not used", extras(d),
		"control record", fmt.Sprintf("%s partition %d offset %d, %s", d.Origin.Topic, d.Origin.Partition, d.Origin.Offset, terminal.Bytes(int64(d.Origin.Bytes))),
		"received", stamp(d.Received))
	if err != nil {
		return err
	}
	if d.Rejected != nil {
		return facts(w, "rejected field", d.Rejected.Field, "reason", d.Rejected.Reason, "hint", d.Rejected.Hint)
	}
	if d.Unused != nil {
		return facts(w, "trains nothing", d.Unused.Reason, "hint", d.Unused.Hint)
	}
	return nil
}

// asked says what ranges were looked up by.
func asked(a *pipeline.Asked) string {
	if a == nil {
		return ""
	}
	text := a.Topic
	if a.Since != nil {
		text += " from " + stamp(*a.Since)
	}
	if a.Until != nil {
		text += " until " + stamp(*a.Until)
	}
	return terminal.Plain(text)
}

// extras are the members of a control message that have no effect.
func extras(d pipeline.Datasource) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(d.Extra)) {
		all = append(all, fmt.Sprintf("%s: %s", name, d.Extra[name]))
	}
	if len(all) == 0 {
		return ""
	}
	return terminal.Plain(strings.Join(all, ", ")) + " (no effect)"
}

func datasources(env *cli.Env) *cobra.Command {
	k := datasourceKind(env)
	cmd := &cobra.Command{Use: "datasources", Aliases: []string{"datasource"}, Short: "Streams that lie in the log"}
	return cli.Group(cmd, createDatasource(env, k), k.list(), k.show(), resend(env, k))
}

func createDatasource(env *cli.Env, k kind[pipeline.Datasource]) *cobra.Command {
	var watch, unchecked bool
	create := k.create(edit[pipeline.Datasource]{
		verb: "create", past: "created",
		check: func(ctx context.Context, c *client.Client, data map[string]any) error {
			if unchecked || env.AsCurl() {
				return nil
			}
			return checkDatasource(ctx, env, c, data)
		},
		done: func(ctx context.Context, c *client.Client, d pipeline.Datasource) error {
			if watch {
				return watchTraining(ctx, env, c, d.Deployment)
			}
			env.Note("deployment %d trains on %s records of %s", d.Deployment, terminal.Count(d.TotalMsg), ranges(d.Ranges))
			return nil
		},
	}, membersUsage)
	create.Short = "Train on records that lie in topics already"
	create.Long = `Train on records that lie in topics already. First some of them are decoded, and
each model makes one training step on a few, as "topics preview" shows; what
would not train is refused before anything is sent.`
	create.Example = "  " + env.Program + ` datasources create --topic orders --since 7d --deployment 1 --format JSON \
    --input-config '{"data_fields": ["amount", "items"], "label_field": "returned"}' --validation-rate 0.2`
	create.Flags().BoolVar(&unchecked, "unchecked", false, "do not try the records and the models first")
	create.Flags().BoolVarP(&watch, "watch", "w", false, "follow the trainings until they end")
	return create
}

func resend(env *cli.Env, k kind[pipeline.Datasource]) *cobra.Command {
	var deployment string
	cmd := &cobra.Command{
		Use: "resend DATASOURCE", Short: "Train another deployment on a stream, sending no record again",
		Args: cli.Args("DATASOURCE"), ValidArgsFunction: cli.First(k.complete()),
		Example: "  " + env.Program + " datasources resend 1 --deployment 2",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if deployment == "" {
				return cli.Usagef("missing --deployment")
			}
			c, err := env.Client(ctx)
			if err != nil {
				return err
			}
			id, err := k.id(ctx, c, args[0])
			if err != nil {
				return err
			}
			to, err := toDeployment.id(ctx, env, c, deployment)
			if err != nil {
				return err
			}
			command := c.ResendDatasource(id, to)
			if env.AsCurl() {
				return env.PrintCurl(ctx, c, command)
			}
			d, err := cli.Send[pipeline.Datasource](ctx, env, command)
			if err != nil {
				return err
			}
			return env.Print(d, k.name(k.of(c), d), func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "datasource %d sent to deployment %d: %s records, none of them sent again\n", id, to, terminal.Count(d.TotalMsg))
				return err
			})
		},
	}
	env.CommandFlags(cmd)
	cmd.Flags().StringVar(&deployment, "deployment", "", "`DEPLOYMENT` to train")
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("deployment", toDeployment.complete(env))
	return cmd
}

// unlabelled says where records without labels lie, or why they cannot be used.
func unlabelled(u *pipeline.Unlabelled) string {
	switch {
	case u == nil:
		return ""
	case u.Rejected != nil:
		return fmt.Sprintf("%s (not used: %s)", u.Topic, u.Rejected.Reason)
	}
	return ranges(u.Ranges)
}
