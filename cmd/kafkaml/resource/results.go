package resource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func resultKind(env *cli.Env) kind[pipeline.Result] {
	return kind[pipeline.Result]{
		env: env, of: (*client.Client).Results, one: "result", many: "results",
		columns: []column[pipeline.Result]{
			{"ID", func(r pipeline.Result, _ *names) string { return fmt.Sprint(r.ID) }},
			{"DEPLOYMENT", func(r pipeline.Result, _ *names) string { return origin(r) }},
			{"MODEL", func(r pipeline.Result, _ *names) string { return r.ModelName + " v" + strconv.Itoa(r.ModelVersion) }},
			{"ALIASES", func(r pipeline.Result, _ *names) string { return strings.Join(r.Aliases, ", ") }},
			{"STATUS", func(r pipeline.Result, _ *names) string { return statusOf(r) }},
			{"EPOCHS", func(r pipeline.Result, _ *names) string { return epochsOf(r, "/") }},
			{"TRAINING", func(r pipeline.Result, _ *names) string { return metrics(r.Metrics.Training) }},
			{"VALIDATION", func(r pipeline.Result, _ *names) string { return metrics(r.Metrics.Validation) }},
			{"TEST", func(r pipeline.Result, _ *names) string { return metrics(r.Metrics.Test) }},
			{"ENGINE", func(r pipeline.Result, _ *names) string { return string(r.Engine) }},
			{"CHANGED", func(r pipeline.Result, n *names) string { return terminal.Ago(r.StatusChanged, n.now) }},
		},
		details: showResult, beside: showFamily,
		members: membersOf(pipeline.ResultForm{}),
		filters: []filter{
			{name: "tag", usage: "only those with the tag `NAME=VALUE`, or NAME"},
			{name: "alias", usage: "only those that `MODEL@ALIAS` names, or ALIAS in any model"},
			{name: "deployment", usage: "only those of `DEPLOYMENT`", ref: toDeployment},
			{name: "configuration", usage: "only those of `CONFIGURATION`", ref: toConfiguration},
			{name: "model", usage: "only those of `MODEL`", ref: toModel},
			{name: "datasource", usage: "only those trained on `DATASOURCE`", ref: toDatasource},
			{name: "parent", usage: "only those that went on from `RESULT`", ref: toResult},
			{name: "status", usage: "only those in `STATUS`", words: pipeline.Words(pipeline.ResultStatus(""))},
		},
	}
}

// origin is the deployment that trained a result, or that it was imported.
func origin(r pipeline.Result) string {
	if r.Imported != nil {
		return "imported"
	}
	return fmt.Sprint(r.Deployment)
}

// statusOf is where a result stands, and what came of its verification.
func statusOf(r pipeline.Result) string {
	switch v := r.Verification; {
	case v == nil:
		return string(r.Status)
	case v.Active():
		return string(r.Status) + ", verifying"
	case v.Status == pipeline.VerificationFailed:
		return string(r.Status) + ", not verified"
	default:
		return fmt.Sprintf("%s, %s", r.Status, v.Status)
	}
}

// epochsOf is how many of its epochs a result has trained, empty of an imported
// model. Nobody knows how many a training that follows a stream will have.
func epochsOf(r pipeline.Result, of string) string {
	if r.Imported != nil {
		return ""
	}
	return outOf(r.EpochsDone, of, r.EpochsTotal)
}

// outOf is "3 of 5", or 3 where the total is not known.
func outOf(n int, of string, total int) string {
	if total == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d%s%d", n, of, total)
}

// metrics are values as a person reads them: "loss 0.1203, accuracy 0.9651",
// the loss first.
func metrics(m pipeline.Metrics) string {
	if len(m) == 0 {
		return "-"
	}
	var text []string
	for _, name := range metricNames(m) {
		text = append(text, name+" "+number(m[name]))
	}
	return strings.Join(text, ", ")
}

func metricNames(m pipeline.Metrics) []string {
	names := slices.Sorted(maps.Keys(m))
	if i := slices.Index(names, "loss"); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, "loss")
	}
	return names
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func results(env *cli.Env) *cobra.Command {
	k := resultKind(env)
	k.watch = func(ctx context.Context, c *client.Client, r pipeline.Result) error {
		return watchResult(ctx, env, c, r.ID)
	}
	cmd := &cobra.Command{Use: "results", Aliases: []string{"result"}, Short: "Trainings and trained models"}
	stop := k.act(verb{name: "stop", past: "stopped", short: "End trainings"})
	retry := k.act(verb{name: "retry", past: "is to be trained again", short: "Train failed or stopped results again"})
	verify := k.act(verb{name: "verify", past: "is being verified: results show tells what comes of it", short: "Train finished results again from their receipts, and compare"})
	update := k.update(edit[pipeline.Result]{verb: "update", past: "updated"}, membersUsage)
	update.Short = "Change the notes and tags of a result"
	update.Example = "  " + env.Program + " results update 3 --tag stage=production --notes 'trained on the week of the sale'"
	return cli.Group(cmd, k.list(), k.show(), update, alias(k, "alias", "Give a finished result a name among those of its model"), alias(k, "unalias", "Take a name off a result"), stop, retry, verify, k.delete(), epochs(env, k), download(env, k), logs(env, k))
}
