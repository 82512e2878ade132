package resource

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// dryRun is a preview of a topic's records, and a training step of each model on
// some of them.
type dryRun struct {
	records.Tried
	Trials []pipeline.Trial `json:"trials"`
}

func previewTopic(env *cli.Env) *cobra.Command {
	var form records.TryForm
	var format, config string
	cmd := &cobra.Command{
		Use: "preview TOPIC", Short: "Decode records of a topic and try the models on them", Args: cli.Args("TOPIC"),
		Long: `Decode records of a topic as the models of a deployment would be trained on them,
and let each model make one training step on a few. Nothing is sent, stored or
trained. Without --format and --input-config, as "topics show" proposes.`,
		Example: "  " + env.Program + ` topics preview orders --deployment 1 --format JSON \
    --input-config '{"data_fields": ["amount", "items"], "label_field": "returned"}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if form.Deployment == 0 {
				return cli.Usagef("missing --deployment")
			}
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			form.Format = pipeline.Format(format)
			if form.Config, err = configGiven(config); err != nil {
				return err
			}
			if format == "" {
				if form, err = proposed(cmd.Context(), c, args[0], form); err != nil {
					return err
				}
			}
			run, err := tryTopic(cmd.Context(), c, args[0], form)
			if err != nil {
				return err
			}
			if err := env.Print(run, args[0], func(w io.Writer) error { return printRun(w, form, run) }); err != nil {
				return err
			}
			return run.refusal(args[0])
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&form.Deployment, "deployment", 0, "`DEPLOYMENT` whose models are to take the records: its id")
	flags.StringVar(&format, "format", "", "RAW, AVRO, JSON or PROTOBUF")
	flags.StringVar(&config, "input-config", "", "how the records are read: a `JSON` object, or @FILE")
	flags.StringVar(&form.Since, "since", "", "take records from this `TIME` on, as datasources create does")
	flags.StringVar(&form.Until, "until", "", "take records before this `TIME`")
	flags.IntVar(&form.Limit, "limit", 5, "show `N` records")
	env.OutputFlag(cmd)
	return cmd
}

// configGiven reads the flag --input-config, nil where it was not given.
func configGiven(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	config, err := object(text)
	if err != nil {
		return nil, cli.Usagef("--input-config: %v", err)
	}
	return json.Marshal(config)
}

// proposed takes format and config as the topic's records suggest them.
func proposed(ctx context.Context, c *client.Client, topic string, form records.TryForm) (records.TryForm, error) {
	query := url.Values{"deployment": {strconv.FormatInt(form.Deployment, 10)}}
	look, err := client.Read[records.Look](ctx, c, pipeline.StepRecords, "topics/"+url.PathEscape(topic)+"?"+query.Encode())
	if err != nil {
		return form, err
	}
	if look.Proposal == nil || look.Proposal.Format == "" {
		return form, cli.Usagef("nothing can be proposed for %s: give --format and --input-config", topic)
	}
	form.Format = look.Proposal.Format
	if len(form.Config) == 0 {
		form.Config = look.Proposal.Config
	}
	return form, nil
}

// tryTopic decodes records of a topic and lets each model make a step on some.
func tryTopic(ctx context.Context, c *client.Client, topic string, form records.TryForm) (run dryRun, err error) {
	form.Batch = pipeline.MostTried
	run.Trials = []pipeline.Trial{}
	run.Tried, err = client.Ask[records.Tried](ctx, c, pipeline.StepRecords, "topics/"+url.PathEscape(topic)+"/preview", form)
	if err != nil || run.Batch == nil {
		return run, err
	}
	for _, m := range run.Models {
		question := pipeline.TrialForm{Version: m.Version, Batch: *run.Batch}
		trial, err := client.Ask[pipeline.Trial](ctx, c, pipeline.StepModelRegister, fmt.Sprintf("models/%d/try", m.Model), question)
		if err != nil {
			return run, fmt.Errorf("try model %s: %w", m.Name, err)
		}
		run.Trials = append(run.Trials, trial)
	}
	run.Batch = nil // nobody reads it
	return run, nil
}

// refusal is why a training on such records would fail, nil where nothing was found.
func (run dryRun) refusal(topic string) error {
	if run.Fatal {
		hint := `mend the input_config, or let "on_bad": "skip" leave such records out`
		if run.Failed == run.Tried.Tried {
			hint = "mend the input_config: it suits none of them"
		}
		return &pipeline.Error{
			Op: "try records of " + topic, Kind: pipeline.Invalid,
			Reason: fmt.Sprintf("%d of %d cannot be decoded; the first: %s", run.Failed, run.Tried.Tried, run.First),
			Hint:   hint,
		}
	}
	for _, t := range run.Trials {
		if f := t.Fault; f != nil {
			return &pipeline.Error{
				Op: "try model " + run.name(t), Kind: pipeline.Invalid, Field: f.Field, At: f.At,
				Reason: "it would not train on records of " + topic + ": " + blamed(t), Hint: f.Hint,
			}
		}
	}
	return nil
}

func (run dryRun) name(t pipeline.Trial) string {
	for _, m := range run.Models {
		if m.Model == t.Model {
			return m.Name
		}
	}
	return strconv.FormatInt(t.Model, 10)
}

// blamed is a trial's fault with the record that has it.
func blamed(t pipeline.Trial) string {
	f := t.Fault
	switch {
	case f.Record == nil:
		return f.Reason
	case f.Failing == f.Tried && f.Tried > 1:
		return fmt.Sprintf("%s (each of %d records alone; the first: partition %d, offset %d)", f.Reason, f.Tried, f.Record.Partition, f.Record.Offset)
	}
	return fmt.Sprintf("%s (partition %d, offset %d)", f.Reason, f.Record.Partition, f.Record.Offset)
}

func printRun(w io.Writer, form records.TryForm, run dryRun) error {
	failed := ""
	if run.Failed > 0 {
		failed = fmt.Sprintf("%s; the first: %s", terminal.Count(run.Failed), terminal.Plain(run.First))
	}
	leftOut := ""
	if run.LeftOut > 0 {
		leftOut = terminal.Count(run.LeftOut)
	}
	err := facts(w, "format", string(form.Format), "config", terminal.Plain(string(form.Config)), "records tried", terminal.Count(run.Tried.Tried),
		"cannot be decoded", failed, "left out by where", leftOut, "labels", labelCounts(run.Preview, labelOf(form.Config).Classes), "warning", run.Alike)
	if err != nil {
		return err
	}
	if err := printItems(w, run.Preview); err != nil {
		return err
	}
	for _, t := range run.Trials {
		if t.Fault != nil {
			fmt.Fprintf(w, "\nmodel %s: %s\n", terminal.Plain(run.name(t)), terminal.Plain(blamed(t)))
			continue
		}
		fmt.Fprintf(w, "\nmodel %s: one training step on %d records took %.2g s: %s\n", terminal.Plain(run.name(t)), t.Records, t.Seconds, terminal.Plain(metricsOf(t.Metrics)))
		if len(t.Adapted) > 0 {
			fmt.Fprintf(w, "  adapted on these records for the step, on the training split in a training: %s\n", terminal.Plain(strings.Join(t.Adapted, ", ")))
		}
	}
	return nil
}

// labelForm is what an input_config says of a label that is more than a path.
type labelForm struct {
	Topic   string   `json:"topic"`   // that it comes from later; empty: from the record
	Classes []string `json:"classes"` // texts that it is numbered from
}

func labelOf(config json.RawMessage) labelForm {
	var said struct {
		Label labelForm `json:"label"`
	}
	if json.Unmarshal(config, &said) != nil {
		return labelForm{}
	}
	return said.Label
}

// labelCounts are the classes of a preview, by their texts where they have some,
// with their records.
func labelCounts(p records.Preview, classes []string) string {
	if p.Counted == 0 {
		return ""
	}
	var all []string
	for _, l := range slices.SortedFunc(maps.Keys(p.Counts), func(a, b string) int {
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	}) {
		name := l
		if i, err := strconv.Atoi(l); err == nil && i >= 0 && i < len(classes) {
			name = terminal.Plain(classes[i])
		}
		all = append(all, fmt.Sprintf("%s: %s", name, terminal.Count(p.Counts[l])))
	}
	return strings.Join(all, ", ")
}

// metricsOf are the metrics of a step, loss first.
func metricsOf(m pipeline.Metrics) string {
	names := metricNames(m)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %.5g", name, m[name])
	}
	return strings.Join(names, ", ")
}

// printItems shows records as their tensors.
func printItems(w io.Writer, p records.Preview) error {
	if len(p.Items) == 0 {
		return nil
	}
	head := []string{"PLACE"}
	for _, t := range p.Inputs {
		head = append(head, fmt.Sprintf("%s %s%v", t.Name, t.DType, t.Shape))
	}
	var rows [][]string
	for _, item := range p.Items {
		row := []string{fmt.Sprintf("%d:%d", item.Partition, item.Offset)}
		if item.Error != "" {
			row = append(row, terminal.Plain(item.Error))
		}
		for _, v := range append(slices.Clone(item.Sample), item.Label...) {
			row = append(row, terminal.Plain(shortened(string(v))))
		}
		rows = append(rows, row)
	}
	if len(p.Labels) > 0 {
		head = append(head, "LABEL")
	}
	fmt.Fprintln(w)
	return terminal.Table(w, head, rows)
}

func shortened(text string) string {
	const shown = 60
	if r := []rune(text); len(r) > shown {
		return string(r[:shown]) + "…"
	}
	return text
}

// checkDatasource tries what a datasource would be made of. What cannot be tried is
// no refusal: the functions will say what is wrong.
func checkDatasource(ctx context.Context, env *cli.Env, c *client.Client, data map[string]any) error {
	var form pipeline.DatasourceForm
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, &form)
	}
	if err != nil {
		return nil // the functions refuse it by its member
	}
	for topic, spans := range spansOf(form.Topic) {
		if topic == labelOf(form.InputConfig).Topic {
			continue
		}
		run, err := tryTopic(ctx, c, topic, records.TryForm{
			Deployment: form.Deployment, Format: form.InputFormat, Config: form.InputConfig, Since: form.Since, Until: form.Until, Ranges: spans, Limit: 1,
		})
		switch pipeline.KindOf(err) {
		case "":
		case pipeline.Invalid, pipeline.Conflict:
			return err
		default:
			env.Note("not checked: %v", err)
			continue
		}
		if err := run.refusal(topic); err != nil {
			return unchecked(err)
		}
		if run.Alike != "" {
			env.Note("warning: %s: %s", topic, run.Alike)
		}
		for _, t := range run.Trials {
			env.Note("model %s: one step on %d records of %s: %s", run.name(t), t.Records, topic, metricsOf(t.Metrics))
		}
	}
	return nil
}

// unchecked adds the way around a refusal of ours.
func unchecked(err error) error {
	refusal, ok := err.(*pipeline.Error) //nolint:errorlint // as refusal made it
	if !ok {
		return err
	}
	refusal.Hint = strings.TrimPrefix(refusal.Hint+"; --unchecked trains all the same", "; ")
	return refusal
}

// spansOf are the topics that a datasource names, with the runs of records of those
// that it names by offset.
func spansOf(topics string) map[string][]records.Span {
	all := map[string][]records.Span{}
	for entry := range strings.SplitSeq(topics, ",") {
		parts := strings.Split(strings.TrimSpace(entry), ":")
		numbers := make([]int64, 0, len(parts))
		for _, p := range parts[1:] {
			if n, err := strconv.ParseInt(p, 10, 64); err == nil {
				numbers = append(numbers, n)
			}
		}
		const withLength = 3
		if _, known := all[parts[0]]; !known {
			all[parts[0]] = nil
		}
		if len(numbers) == withLength {
			all[parts[0]] = append(all[parts[0]], records.Span{Partition: int(numbers[0]), Offset: numbers[1], Length: numbers[2]})
		}
	}
	return all
}
