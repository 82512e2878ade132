package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func inferenceKind(env *cli.Env) kind[pipeline.Inference] {
	return kind[pipeline.Inference]{
		env: env, of: (*client.Client).Inferences, one: "inference", many: "inferences",
		columns: []column[pipeline.Inference]{
			{"ID", func(i pipeline.Inference, _ *names) string { return fmt.Sprint(i.ID) }},
			{"NAME", func(i pipeline.Inference, _ *names) string { return i.Name }},
			{"RESULT", func(i pipeline.Inference, _ *names) string { return served(i) }},
			{"INPUT", func(i pipeline.Inference, _ *names) string { return i.InputTopic }},
			{"OUTPUT", func(i pipeline.Inference, _ *names) string { return i.OutputTopic }},
			{"DELIVERY", func(i pipeline.Inference, _ *names) string { return string(i.Delivery) }},
			{"READY", func(i pipeline.Inference, _ *names) string { return fmt.Sprintf("%d/%d", i.Ready, i.Wanted) }},
			{"STATUS", func(i pipeline.Inference, _ *names) string { return string(i.Status) }},
			{"CHANGED", func(i pipeline.Inference, n *names) string { return terminal.Ago(i.StatusChanged, n.now) }},
		},
		details: showInference,
		members: inferenceMembers(),
		filters: []filter{
			{name: "result", usage: "only those of `RESULT`", ref: toResult},
			{name: "status", usage: "only those in `STATUS`", words: pipeline.Words(pipeline.InferenceStatus(""))},
		},
	}
}

// inferenceMembers are those of the form, where one flag gives both bounds of
// the replicas.
func inferenceMembers() []member {
	all := membersOf(pipeline.InferenceForm{})
	all = slices.DeleteFunc(all, func(m member) bool { return m.name == "shares" })
	all = append(all, member{name: "shares", flag: "shares", arg: "RESULT=PERCENT,RESULT=PERCENT", usage: "split the records between the result and a challenger of it, such as 3=90,5=10; none: the result predicts all", spread: shares})
	for i := range all {
		switch m := &all[i]; m.name {
		case "replicas":
			m.spread, m.arg, m.usage = replicas, "N", "N, or a range MIN-MAX (default: 1)"
		case "result":
			m.spread = func(text string) (map[string]any, error) { return resultOrAlias("result", text), nil }
			m.usage = "finished result to serve: its id, or MODEL@ALIAS to follow"
		}
	}
	return all
}

// resultOrAlias reads "3", as a member, or "mnist@champion".
func resultOrAlias(member, text string) map[string]any {
	if strings.Contains(text, "@") {
		return map[string]any{"follows": text}
	}
	return map[string]any{member: text}
}

// shares reads "3=90,5=10", or "none".
func shares(text string) (map[string]any, error) {
	all := []pipeline.Part{}
	if text == "none" {
		return map[string]any{"shares": all}, nil
	}
	for _, part := range strings.Split(text, ",") {
		result, percent, _ := strings.Cut(part, "=")
		id, err := strconv.ParseInt(strings.TrimPrefix(result, "result/"), 10, 64)
		n, err2 := fraction(strings.TrimSuffix(percent, "%"))
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("%q is not RESULT=PERCENT, such as 5=10", part)
		}
		all = append(all, pipeline.Part{Result: id, Percent: n.(float64)})
	}
	return map[string]any{"shares": all}, nil
}

// served is the result that an inference serves, and the alias that it follows.
func served(i pipeline.Inference) string {
	if i.Follows == "" {
		return fmt.Sprint(i.Result)
	}
	return fmt.Sprintf("%d, %s", i.Result, i.Follows)
}

// replicas reads "3" or "0-5".
func replicas(text string) (map[string]any, error) {
	low, high, ranged := strings.Cut(text, "-")
	if !ranged {
		high = low
	}
	least, err := strconv.Atoi(low)
	most, err2 := strconv.Atoi(high)
	if err := errors.Join(err, err2); err != nil || least < 0 || most < least {
		return nil, errors.New("neither a number nor a range like 0-5")
	}
	return map[string]any{"replicas": least, "max_replicas": max(most, 1)}, nil
}

func showInference(w io.Writer, i pipeline.Inference) error {
	replicas := fmt.Sprint(i.Replicas)
	if i.MaxReplicas > i.Replicas {
		replicas = fmt.Sprintf("%d to %d", i.Replicas, i.MaxReplicas)
	}
	return facts(w, factsOf(i, special{
		"replicas": {"replicas", replicas}, "max_replicas": {},
		"ready": {"ready", fmt.Sprintf("%d of %d", i.Ready, i.Wanted)}, "wanted": {},
		"status": {"status", fmt.Sprintf("%s since %s", i.Status, stamp(i.StatusChanged))}, "status_changed": {}, "warnings": {"warning", strings.Join(i.Warnings, "; ")},
	})...)
}

func inferences(env *cli.Env) *cobra.Command {
	k := inferenceKind(env)
	k.watch = func(ctx context.Context, c *client.Client, i pipeline.Inference) error { return k.follow(ctx, c, i.ID) }
	cmd := &cobra.Command{Use: "inferences", Aliases: []string{"inference"}, Short: "Trained models that predict from topic to topic"}
	var watch bool
	create := k.create(edit[pipeline.Inference]{
		verb: "deploy", past: "deployed",
		check: func(_ context.Context, _ *client.Client, data map[string]any) error {
			if data["result"] == nil && data["follows"] == nil {
				return cli.Usagef("missing --result (or result, or follows, in the file of -f)")
			}
			return nil
		},
		done: func(ctx context.Context, c *client.Client, i pipeline.Inference) error {
			for _, w := range i.Warnings {
				env.Note("warning: %s", terminal.Plain(w))
			}
			if watch {
				return watchReady(ctx, k, c, i.ID)
			}
			return nil
		},
	}, membersUsage)
	create.Short = "Serve a finished result between two topics"
	create.Example = "  " + env.Program + " inferences create --result 3 --input-topic digits --output-topic digits-predicted --replicas 2"
	create.Flags().BoolVarP(&watch, "watch", "w", false, "wait until its replicas are ready")
	update := k.update(edit[pipeline.Inference]{verb: "update", past: "updated"}, membersUsage)
	update.Short = "Change the replicas, or serve another result of the same shapes"
	start := k.act(verb{name: "start", past: "started", short: "Start stopped inferences again"})
	stop := k.act(verb{name: "stop", past: "stopped", short: "End the replicas of inferences, keeping the inferences"})
	rollback := k.act(verb{name: "rollback", past: "serves again what it served before", short: "Serve the result again that was served before"})
	return cli.Group(cmd, create, k.list(), k.show(), update, scale(k), rollback, start, stop, k.delete(), suggest(env))
}

// scale is update --replicas for short.
func scale(k kind[pipeline.Inference]) *cobra.Command {
	cmd := &cobra.Command{
		Use: "scale INFERENCE REPLICAS", Short: "Change the replicas: a number, or a range like 0-5",
		Args: cli.Args("INFERENCE", "REPLICAS"), ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			change, err := replicas(args[1])
			if err != nil {
				return cli.Usagef("REPLICAS %q: %s", args[1], err)
			}
			c, err := k.env.Client(ctx)
			if err != nil {
				return err
			}
			id, err := k.id(ctx, c, args[0])
			if err != nil {
				return err
			}
			command := c.UpdateInference(id, change)
			if k.env.AsCurl() {
				return k.env.PrintCurl(ctx, c, command)
			}
			i, err := cli.Send[pipeline.Inference](ctx, k.env, command)
			if err != nil {
				return err
			}
			return k.env.Print(i, k.name(k.of(c), i), func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "inference %d %s scaled to %s\n", i.ID, terminal.Plain(i.Name), args[1])
				return err
			})
		},
	}
	k.env.CommandFlags(cmd)
	return cmd
}

func suggest(env *cli.Env) *cobra.Command {
	var result string
	cmd := &cobra.Command{
		Use: "suggest --result RESULT", Short: "Print the format and config that suit a result", Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if result == "" {
				return cli.Usagef("missing --result")
			}
			c, err := env.Client(ctx)
			if err != nil {
				return err
			}
			id, err := toResult.id(ctx, env, c, result)
			if err != nil {
				return err
			}
			s, err := c.Suggest(ctx, id)
			if err != nil {
				return err
			}
			return env.Print(s, string(s.InputFormat), func(w io.Writer) error {
				return facts(w, "format", string(s.InputFormat), "config", compact(s.InputConfig))
			})
		},
	}
	env.OutputFlag(cmd)
	cmd.Flags().StringVar(&result, "result", "", "`RESULT` that finished")
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("result", toResult.complete(env))
	return cmd
}

func compact(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "{}"
	}
	return string(raw)
}
