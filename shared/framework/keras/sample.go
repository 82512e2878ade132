package keras

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// startups is how many trials Optuna's TPE draws at random before it looks at what
// came of them, and how many are drawn at once where none is looked at.
const startups = 10

// sampleRequest is what worker/sampler.py is asked.
type sampleRequest struct {
	Space    []sampleParameter `json:"space"`
	Sampler  pipeline.Sampler  `json:"sampler"`
	Seed     int64             `json:"seed"`
	Maximize bool              `json:"maximize"`
	Told     []framework.Told  `json:"told"`
	State    json.RawMessage   `json:"state"`
	Count    int               `json:"count"`
}

type sampleParameter struct {
	Name    string  `json:"name"`
	Model   string  `json:"model"`
	Kind    string  `json:"kind"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Step    float64 `json:"step"`
	Log     bool    `json:"log"`
	Choices []any   `json:"choices"`
	Grid    []any   `json:"grid,omitempty"`
}

// Propose implements framework.Sampler in a fenced child, which runs Optuna and no
// source of a person.
func (w *Worker) Propose(ctx context.Context, s framework.Sampling) (made framework.Proposal, err error) {
	asked := map[string]any{"study": requestOf(s)}
	err = w.fork(ctx, func(string) (any, error) { return asked, nil }, func(c *done, code int, err error) error {
		if err != nil {
			return unavailable(err)
		}
		made, err = proposed(c.result, code, s.Study)
		return err
	})
	return made, err
}

func requestOf(s framework.Sampling) sampleRequest {
	r := sampleRequest{
		Sampler: s.Study.Sampler, Seed: s.Study.Seed, Maximize: s.Study.Direction == pipeline.ModeMax,
		Told: append([]framework.Told{}, s.Told...), State: s.State, Count: 1,
	}
	n := len(s.Told)
	switch {
	case s.Study.Sampler != pipeline.SamplerTPE:
		r.Count = startups
	case n < startups:
		r.Count = startups - n
	}
	r.Count = max(1, min(r.Count, s.Study.Trials-n))
	for _, p := range s.Study.Space {
		q := sampleParameter{Name: p.Name, Model: p.Model, Kind: p.Kind, Low: p.Low, High: p.High, Step: p.Step, Log: p.Log, Choices: p.Choices}
		if s.Study.Sampler == pipeline.SamplerGrid {
			q.Grid = p.Points()
		}
		r.Space = append(r.Space, q)
	}
	return r
}

// proposed reads what a child that is dead proposed, all of it values of the space.
func proposed(result []byte, code int, s pipeline.Study) (framework.Proposal, error) {
	var said struct {
		Missing  string `json:"missing"`
		Proposed *struct {
			Trials []map[string]any `json:"trials"`
			State  json.RawMessage  `json:"state"`
		} `json:"proposed"`
		Error string `json:"error"`
	}
	none := framework.Proposal{}
	err := json.NewDecoder(io.LimitReader(bytes.NewReader(result), maxResult)).Decode(&said)
	switch {
	case said.Missing != "":
		return none, unfenced(said.Missing)
	case said.Error != "":
		return none, &pipeline.Error{Op: "propose a trial", Kind: pipeline.Internal, Reason: "the sampler says: " + plain(said.Error, 500)}
	case code != 0 || err != nil || said.Proposed == nil || len(said.Proposed.Trials) == 0:
		return none, &pipeline.Error{Op: "propose a trial", Kind: pipeline.Internal, Reason: fmt.Sprintf("the sampler ended early (exit %d)", code)}
	}
	for _, t := range said.Proposed.Trials {
		if !s.Tries(t) {
			return none, &pipeline.Error{Op: "propose a trial", Kind: pipeline.Internal, Reason: fmt.Sprintf("the sampler proposes %s, which is not in the space", plain(pipeline.SaidValues(t), 500))}
		}
	}
	return framework.Proposal{Trials: said.Proposed.Trials, State: said.Proposed.State}, nil
}
