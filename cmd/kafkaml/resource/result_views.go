package resource

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func showResult(w io.Writer, r pipeline.Result) error {
	known := func(id int64) string {
		if id == 0 {
			return ""
		}
		return fmt.Sprint(id)
	}
	err := facts(w,
		"id", fmt.Sprint(r.ID), "deployment", known(r.Deployment), "configuration", known(r.Configuration), "imported", importedFrom(r.Imported),
		"model", fmt.Sprintf("%s (%d), version %d", r.ModelName, r.Model, r.ModelVersion), "datasource", known(r.Datasource),
		"built with", r.Varied(), "went on from", known(r.Parent), "follows", terminal.Plain(r.Follows), "unfit", terminal.Plain(r.Unfit), "round", known(int64(r.Round)),
		"status", fmt.Sprintf("%s since %s", r.Status, stamp(r.StatusChanged)), "reason", r.Reason, "hint", r.Hint,
		"verification", verifiedAs(r.Verification),
		"attempt", fmt.Sprint(r.Attempt), "engine", strings.TrimSpace(string(r.Engine)+" "+parenthesis(r.EngineReason)),
		"served by", servedBy(r.Serving),
		"epochs", epochsOf(r, " of "), "early stopping", stoppedBy(r.Stopping), "drifts", driftsOf(r.Drifts), "adoptions", adoptionsOf(r.Adoptions), "left", took(r.SecondsLeft), "took", took(r.Seconds),
		"training", metrics(r.Metrics.Training), "validation", metrics(r.Metrics.Validation), "test", metrics(r.Metrics.Test))
	if err != nil {
		return err
	}
	if err := showSplit(w, r.Split); err != nil {
		return err
	}
	if err := showPseudoLabels(w, r.PseudoLabels); err != nil {
		return err
	}
	if err := showConfusion(w, r.Confusion); err != nil {
		return err
	}
	if len(r.Formats) > 0 {
		fmt.Fprintln(w)
		if err := terminal.Table(w, []string{"FORMAT", "QUANTIZE", "SIZE", ""}, formatsView(r)); err != nil {
			return err
		}
	}
	return showLineage(w, r.Lineage)
}

// verifiedAs says what came of training a result again.
func verifiedAs(v *pipeline.Verification) string {
	if v == nil {
		return ""
	}
	if v.Ended != nil {
		return fmt.Sprintf("%s (%s)", v.Sentence(), stamp(*v.Ended))
	}
	return v.Sentence()
}

// driftsOf says where a stream has drifted.
func driftsOf(drifts []pipeline.Drift) string {
	return lastOf(drifts, func(d pipeline.Drift) string {
		text := "after " + terminal.Count(d.Records) + " records"
		switch {
		case d.Interim > 0:
			text += fmt.Sprintf(" (back to its result %d on the way)", d.Interim)
		case d.Restarted:
			text += " (began anew)"
		case d.Raised:
			text += " (at a higher learning rate)"
		}
		return text
	})
}

// adoptionsOf says where a training went on from another result.
func adoptionsOf(adoptions []pipeline.Adoption) string {
	return lastOf(adoptions, func(a pipeline.Adoption) string {
		return fmt.Sprintf("after %s records result %d, before that %d", terminal.Count(a.Records), a.Result, a.Before)
	})
}

// lastOf says what the last 10 of all are.
func lastOf[T any](all []T, say func(T) string) string {
	const most = 10
	var said []string
	for _, one := range all[max(0, len(all)-most):] {
		said = append(said, say(one))
	}
	if len(all) > most {
		said = slices.Insert(said, 0, "... (see -o json)")
	}
	return strings.Join(said, ", ")
}

// servedBy says what serves a trained model, and why.
func servedBy(s *pipeline.Serving) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(s.Engine + " " + parenthesis(s.Reason))
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func took(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Millisecond).String()
}

// showSplit writes how many records and labels each split holds.
// stoppedBy is what early stopping made of a training.
func stoppedBy(s *pipeline.Stopping) string {
	if s == nil {
		return ""
	}
	return s.Reason
}

func showSplit(w io.Writer, s *pipeline.SplitAudit) error {
	if s == nil {
		return nil
	}
	splits := []struct {
		name  string
		count pipeline.SplitCount
	}{{"training", s.Training}, {"validation", s.Validation}, {"test", s.Test}}
	var labels []string
	for _, split := range splits {
		for label := range split.count.Labels {
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
	}
	slices.SortFunc(labels, byNumber)
	labels = labels[:min(len(labels), 20)]
	rows := make([][]string, len(splits))
	for i, split := range splits {
		rows[i] = []string{split.name, terminal.Count(split.count.Records)}
		for _, label := range labels {
			rows[i] = append(rows[i], terminal.Count(split.count.Labels[label]))
		}
	}
	fmt.Fprintln(w)
	of := "RECORDS"
	if s.Windows != nil {
		of = "WINDOWS"
	}
	if err := terminal.Table(w, append([]string{"SPLIT", of}, labels...), rows); err != nil {
		return err
	}
	if s.By != pipeline.SplitTime {
		fmt.Fprintln(w, "split", splitBy(s.By, s.Seed))
	}
	if err := showColumns(w, s.Columns); err != nil {
		return err
	}
	if err := showAdapted(w, s.Adapted); err != nil {
		return err
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "warning: %s\n", terminal.Plain(warning))
	}
	if s.LeftOut > 0 {
		fmt.Fprintf(w, "left out by where: %s records\n", terminal.Count(s.LeftOut))
	}
	if s.Windows != nil {
		fmt.Fprintln(w, terminal.Plain(s.Windows.Said))
	}
	if j := s.Joined; j != nil {
		fmt.Fprintf(w, "labels of topic %s: %s; of the records %s found one (%s of them several), %s none and took the constant, %s none and were left out\n",
			j.Topic, terminal.Count(j.Labels), terminal.Count(j.Matched), terminal.Count(j.Doubled), terminal.Count(j.Assumed), terminal.Count(j.Unlabelled))
	}
	showSkipped(w, s.Skipped)
	return nil
}

// showSkipped writes which records at fault were not trained on.
func showSkipped(w io.Writer, s *pipeline.Skipped) {
	if s == nil {
		return
	}
	const most = 10
	fmt.Fprintf(w, "skipped: %s records at fault\n", terminal.Count(s.Records))
	for i, r := range s.First {
		if i == most {
			fmt.Fprintf(w, "  ... (see -o json)\n")
			return
		}
		fmt.Fprintf(w, "  %s[%d]@%d: %s\n", terminal.Plain(r.Topic), r.Partition, r.Offset, terminal.Plain(r.Reason))
	}
}

// showPseudoLabels writes what a model has labelled itself.
func showPseudoLabels(w io.Writer, l *pipeline.PseudoLabels) error {
	if l == nil {
		return nil
	}
	fmt.Fprintf(w, "\nlabels of its own: %s of %s records without one, of classes of %v or more", terminal.Count(l.Records-l.Left), terminal.Count(l.Records), l.Confidence)
	if l.Ended != "" {
		fmt.Fprintf(w, "; it ended as %s", l.Ended)
	}
	fmt.Fprintln(w)
	rows := make([][]string, len(l.Rounds))
	for i, r := range l.Rounds {
		var classes []string
		for _, c := range slices.SortedFunc(maps.Keys(r.Classes), byNumber) {
			classes = append(classes, fmt.Sprintf("%s: %s", terminal.Plain(c), terminal.Count(r.Classes[c])))
		}
		rows[i] = []string{fmt.Sprint(r.Round), fmt.Sprint(r.Epoch), terminal.Count(r.Records), terminal.Count(r.Labelled), strings.Join(classes, ", ")}
	}
	return terminal.Table(w, []string{"ROUND", "AFTER EPOCH", "PREDICTED", "LABELLED", "BY CLASS"}, rows)
}

// showAdapted writes what layers have learned from the training split.
func showAdapted(w io.Writer, layers []pipeline.Adapted) error {
	if len(layers) == 0 {
		return nil
	}
	rows := make([][]string, len(layers))
	for i, a := range layers {
		rows[i] = []string{terminal.Plain(a.Layer), terminal.Plain(a.Class), terminal.Plain(a.Said)}
	}
	fmt.Fprintln(w)
	return terminal.Table(w, []string{"LAYER", "CLASS", "LEARNED"}, rows)
}

// showColumns writes what the values of the stream are.
func showColumns(w io.Writer, columns []pipeline.Column) error {
	if len(columns) == 0 {
		return nil
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	rows := make([][]string, len(columns))
	for i, c := range columns {
		rows[i] = []string{terminal.Plain(c.Name), terminal.Count(c.Missing), terminal.Count(c.Infinite), number(c.Minimum), number(c.Maximum), number(c.Mean)}
	}
	fmt.Fprintln(w)
	return terminal.Table(w, []string{"COLUMN", "MISSING", "INFINITE", "MINIMUM", "MAXIMUM", "MEAN"}, rows)
}

// byNumber orders labels as the numbers they mostly are: 2 before 10.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// maxConfusion is the largest matrix that is drawn.
const maxConfusion = 20

func showConfusion(w io.Writer, c *pipeline.Confusion) error {
	if c == nil {
		return nil
	}
	if len(c.Labels) > maxConfusion {
		_, err := fmt.Fprintf(w, "\nconfusion of %d classes on the %s split: see -o json\n", len(c.Labels), c.Split)
		return err
	}
	fmt.Fprintf(w, "\nconfusion on the %s split, true labels down, predicted across:\n", c.Split)
	rows := make([][]string, len(c.Counts))
	for i, counts := range c.Counts {
		rows[i] = []string{label(c.Labels, i)}
		for _, n := range counts {
			rows[i] = append(rows[i], terminal.Count(n))
		}
	}
	return terminal.Table(w, append([]string{""}, c.Labels...), rows)
}

func label(labels []string, i int) string {
	if i < len(labels) {
		return labels[i]
	}
	return fmt.Sprint(i)
}

func showLineage(w io.Writer, l pipeline.Lineage) error {
	if l.ContentHash == "" {
		return nil
	}
	fmt.Fprintln(w)
	var libraries []string
	for name, version := range l.Libraries {
		libraries = append(libraries, name+" "+version)
	}
	slices.Sort(libraries)
	return facts(w, "source hash", l.SourceHash, "ranges", ranges(l.Ranges), "without labels", ranges(l.Unlabelled), "content hash", l.ContentHash,
		"records", terminal.Count(l.Records), "read", terminal.Bytes(l.BytesRead), "seed", fmt.Sprint(l.Seed),
		"weights hash", l.WeightsHash, "libraries", strings.Join(libraries, ", "))
}

// epochs prints the metrics of each epoch.
func epochs(env *cli.Env, k kind[pipeline.Result]) *cobra.Command {
	cmd := &cobra.Command{
		Use: "metrics RESULT", Short: "Print the metrics of each epoch", Args: cli.Args("RESULT"),
		ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			id, err := k.id(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			all, err := c.Epochs(cmd.Context(), id, 0)
			if err != nil {
				return err
			}
			if all == nil {
				all = []pipeline.Epoch{}
			}
			return env.Print(all, "result/"+args[0], func(w io.Writer) error { return showEpochs(w, all) })
		},
	}
	env.OutputFlag(cmd)
	return cmd
}

func showEpochs(w io.Writer, all []pipeline.Epoch) error {
	training, validation := epochNames(all)
	header := []string{"EPOCH"}
	for _, name := range training {
		header = append(header, strings.ToUpper(name))
	}
	for _, name := range validation {
		header = append(header, "VAL_"+strings.ToUpper(name))
	}
	rows := make([][]string, len(all))
	for i, e := range all {
		rows[i] = []string{fmt.Sprint(e.Epoch)}
		for _, name := range training {
			rows[i] = append(rows[i], cell(e.Training, name))
		}
		for _, name := range validation {
			rows[i] = append(rows[i], cell(e.Validation, name))
		}
		rows[i] = append(rows[i], fmt.Sprintf("%.2f", e.Seconds))
	}
	return terminal.Table(w, append(header, "SECONDS"), rows)
}

func cell(m pipeline.Metrics, name string) string {
	if v, ok := m[name]; ok {
		return number(v)
	}
	return "-"
}

// epochNames are the names of every metric that any epoch has.
func epochNames(all []pipeline.Epoch) (training, validation []string) {
	t, v := pipeline.Metrics{}, pipeline.Metrics{}
	for _, e := range all {
		for name := range e.Training {
			t[name] = 0
		}
		for name := range e.Validation {
			v[name] = 0
		}
	}
	return metricNames(t), metricNames(v)
}
