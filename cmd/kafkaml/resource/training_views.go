package resource

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// newTrainingView chooses how a watch is shown: a table drawn in place in a
// terminal, lines elsewhere, JSON lines with -o json.
func newTrainingView(env *cli.Env) (trainingView, error) {
	format, err := env.Output()
	if err != nil {
		return nil, err
	}
	columns, screen := env.Terminal(env.Out)
	switch {
	case format == "json":
		return &newsView{out: env.Out, write: writeJSON}, nil
	case format == "table" && screen:
		return &screenView{screen: terminal.Screen{Out: env.Out, Width: columns}, columns: columns}, nil
	}
	return &newsView{out: env.Out, write: writeLine}, nil
}

// screenView draws a table of the runs with the course of their loss.
type screenView struct {
	screen  terminal.Screen
	columns int
}

func (s *screenView) show(runs []*run) error {
	rows := make([][]string, len(runs))
	for i, r := range runs {
		training, validation := "-", "-"
		if n := len(r.epochs); n > 0 {
			training, validation = metrics(r.epochs[n-1].Training), metrics(r.epochs[n-1].Validation)
		}
		rows[i] = []string{
			fmt.Sprint(r.ID), r.ModelName, string(r.Status), outOf(len(r.epochs), "/", r.EpochsTotal),
			left(r.Result), training, validation, terminal.Sparkline(losses(r.epochs), max(8, min(32, s.columns/5))),
		}
	}
	var block strings.Builder
	header := []string{"RESULT", "MODEL", "STATUS", "EPOCHS", "LEFT", "TRAINING", "VALIDATION", "LOSS"}
	if err := terminal.Table(&block, header, rows); err != nil {
		return err
	}
	s.screen.Draw(block.String())
	return nil
}

// left is how long a training still takes, about.
func left(r pipeline.Result) string {
	if r.SecondsLeft == 0 {
		return "-"
	}
	return took(r.SecondsLeft)
}

func losses(epochs []pipeline.Epoch) []float64 {
	all := make([]float64, len(epochs))
	for i, e := range epochs {
		all[i] = e.Training["loss"]
	}
	return all
}

// newsView writes each status and each epoch once, as it becomes known.
type newsView struct {
	out   io.Writer
	write func(w io.Writer, r *run, e *pipeline.Epoch) error
	shown map[int64]shown
}

// shown is what was written of a run.
type shown struct {
	attempt, epochs int
	status          pipeline.ResultStatus
}

func (n *newsView) show(runs []*run) error {
	if n.shown == nil {
		n.shown = map[int64]shown{}
	}
	for _, r := range runs {
		before := n.shown[r.ID]
		if before.attempt != r.Attempt {
			before = shown{attempt: r.Attempt}
		}
		if err := n.news(r, before); err != nil {
			return err
		}
		n.shown[r.ID] = shown{r.Attempt, len(r.epochs), r.Status}
	}
	return nil
}

// news writes what is new of one run: that it ended comes after its epochs,
// any other status before them.
func (n *newsView) news(r *run, before shown) error {
	turned := r.Status != before.status
	if turned && !r.Status.Ended() {
		if err := n.write(n.out, r, nil); err != nil {
			return err
		}
	}
	for i := range r.epochs[before.epochs:] {
		if err := n.write(n.out, r, &r.epochs[before.epochs+i]); err != nil {
			return err
		}
	}
	if turned && r.Status.Ended() {
		return n.write(n.out, r, nil)
	}
	return nil
}

// writeLine writes an epoch, or without one a status, for people.
func writeLine(w io.Writer, r *run, e *pipeline.Epoch) error {
	text := fmt.Sprintf("result %d %s: ", r.ID, terminal.Plain(r.ModelName))
	switch {
	case e == nil && r.Status == pipeline.ResultFailed:
		text += "failed: " + terminal.Plain(r.Reason)
	case e == nil && r.Status == pipeline.ResultFinished:
		text += fmt.Sprintf("finished in %s, training %s, validation %s, test %s", took(r.Seconds),
			metrics(r.Metrics.Training), metrics(r.Metrics.Validation), metrics(r.Metrics.Test))
		if r.Stopping != nil {
			text += "; " + terminal.Plain(r.Stopping.Reason)
		}
	case e == nil:
		text += string(r.Status)
	default:
		text += fmt.Sprintf("epoch %s  %s", outOf(e.Epoch, "/", r.EpochsTotal), metrics(e.Training))
		if len(e.Validation) > 0 {
			text += "  validation " + metrics(e.Validation)
		}
		if e.Best {
			text += "  best"
		}
		text += fmt.Sprintf("  %.2fs", e.Seconds)
		if r.SecondsLeft > 0 && e.Epoch == r.EpochsDone {
			text += fmt.Sprintf("  about %s left", took(r.SecondsLeft))
		}
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// writeJSON writes an epoch, or without one a status, as a JSON line.
func writeJSON(w io.Writer, r *run, e *pipeline.Epoch) error {
	line := struct {
		Result  int64  `json:"result"`
		Model   string `json:"model"`
		Attempt int    `json:"attempt"`
		*pipeline.Epoch
		Status  pipeline.ResultStatus  `json:"status,omitempty"`
		Reason  string                 `json:"reason,omitempty"`
		Metrics *pipeline.SplitMetrics `json:"metrics,omitempty"`
	}{Result: r.ID, Model: r.ModelName, Attempt: r.Attempt, Epoch: e}
	if e == nil {
		line.Status, line.Reason = r.Status, r.Reason
	}
	if e == nil && r.Status.Ended() {
		line.Metrics = &r.Metrics
	}
	return json.NewEncoder(w).Encode(line)
}
