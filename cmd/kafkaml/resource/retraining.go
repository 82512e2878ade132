package resource

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// scheduleOf says where the schedule of a deployment stands; empty where it has none.
func scheduleOf(d pipeline.Deployment) string {
	r := d.Retraining
	switch {
	case d.Every == "" && d.OnDriftOf == 0 || r == nil:
		return ""
	case r.Ended:
		return fmt.Sprintf("ended, after %d trainings", r.Runs)
	}
	said := []string{fmt.Sprintf("%d trainings so far, %s records since the last", r.Runs, terminal.Count(r.New))}
	if r.Due != nil {
		said = append(said, "next due "+stamp(*r.Due))
	}
	if r.Drifted {
		said = append(said, "a drift was told")
	}
	if b := r.Blocked; b != nil {
		said = append(said, terminal.Plain("it cannot train now: "+b.Reason+" "+parenthesis(b.Hint)))
	}
	return strings.Join(said, "; ")
}

// showDecisions writes who was held against whom for an alias, the newest first.
func showDecisions(w io.Writer, r *pipeline.Retraining) error {
	if r == nil || len(r.Decisions) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, d := range slices.Backward(r.Decisions) {
		now, champion := "stays", "-"
		if d.Promoted {
			now = "moved"
		}
		if d.Champion != 0 {
			champion = fmt.Sprint(d.Champion)
		}
		rows = append(rows, []string{
			stamp(d.At), d.Alias, now, fmt.Sprint(d.Challenger), figure(d.Value), champion, figure(d.Held), d.Metric, terminal.Count(d.Records), terminal.Plain(d.Reason),
		})
	}
	return terminal.Table(w, []string{"DECIDED", "ALIAS", "", "CHALLENGER", "ITS", "CHAMPION", "ITS", "METRIC", "RECORDS", "WHY"}, rows)
}

func figure(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.4g", *v)
}
