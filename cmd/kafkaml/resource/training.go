package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// run is a result that is watched, and the epochs seen of its attempt.
type run struct {
	pipeline.Result
	epochs []pipeline.Epoch
}

// training watches the results of a deployment, or one result.
type training struct {
	env    *cli.Env
	client *client.Client
	list   func(context.Context) ([]pipeline.Result, error)
	runs   map[int64]*run
	view   trainingView
}

// trainingView shows what became new: each call has all runs, in order, and
// how many epochs and which status of each were shown before.
type trainingView interface {
	show(runs []*run) error
}

// watchTraining follows the trainings of a deployment until the last has ended.
// A stream that is refused while they wait is reported: nothing would start.
func watchTraining(ctx context.Context, env *cli.Env, c *client.Client, deployment int64) error {
	reported := int64(0) // datasource
	return watchRuns(ctx, env, c, func(ctx context.Context) (all []pipeline.Result, err error) {
		by := client.Query{Filters: map[string]string{"deployment": fmt.Sprint(deployment)}}
		for r, err := range c.Results().All(ctx, by) {
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		if !slices.ContainsFunc(all, func(r pipeline.Result) bool { return r.Status == pipeline.ResultWaiting }) {
			return all, nil
		}
		d, err := c.Deployments().Get(ctx, deployment)
		if r := d.LastRejection; err == nil && r != nil && r.Datasource != reported {
			env.Note("the last stream trains nothing: %s", rejected(r))
			reported = r.Datasource
		}
		return all, err
	})
}

// watchResult follows one training until it has ended.
func watchResult(ctx context.Context, env *cli.Env, c *client.Client, id int64) error {
	return watchRuns(ctx, env, c, func(ctx context.Context) ([]pipeline.Result, error) {
		r, err := c.Results().Get(ctx, id)
		return []pipeline.Result{r}, err
	})
}

func watchRuns(ctx context.Context, env *cli.Env, c *client.Client, list func(context.Context) ([]pipeline.Result, error)) error {
	view, err := newTrainingView(env)
	if err != nil {
		return err
	}
	t := &training{env: env, client: c, list: list, runs: map[int64]*run{}, view: view}
	err = env.Watch(ctx, pipeline.StepDeployTraining, ofTraining, t.refresh)
	return errors.Join(err, t.failure(err))
}

func ofTraining(e event.Event) bool {
	for _, prefix := range []string{"io.kafkaml.result.", "io.kafkaml.deployment."} {
		if strings.HasPrefix(e.Type(), prefix) {
			return true
		}
	}
	return e.Type() == eventing.DatasourceRejected
}

// refresh reads the results and their new epochs and shows them.
func (t *training) refresh(ctx context.Context) (done bool, err error) {
	results, err := t.list(ctx)
	if err != nil {
		return false, err
	}
	runs := make([]*run, len(results))
	done = len(results) > 0
	for i, r := range results {
		if runs[i], err = t.update(ctx, r); err != nil {
			return false, err
		}
		done = done && r.Status.Ended()
	}
	return done, t.view.show(runs)
}

// update brings one run up to date. Another attempt begins with no epochs.
func (t *training) update(ctx context.Context, r pipeline.Result) (*run, error) {
	known := t.runs[r.ID]
	if known == nil || known.Attempt != r.Attempt {
		known = &run{}
		t.runs[r.ID] = known
	}
	known.Result = r
	last := 0
	if n := len(known.epochs); n > 0 {
		last = known.epochs[n-1].Epoch
	}
	if r.Status == pipeline.ResultWaiting || r.EpochsTotal > 0 && last == r.EpochsTotal {
		return known, nil
	}
	fresh, err := t.client.Epochs(ctx, r.ID, last)
	known.epochs = append(known.epochs, fresh...)
	return known, err
}

// failure is the error of a watch that ended well but whose trainings did not.
func (t *training) failure(err error) error {
	if err != nil {
		return nil
	}
	for _, r := range t.runs {
		if r.Status == pipeline.ResultFailed {
			return &pipeline.Error{
				Op: fmt.Sprintf("result %d of model %s", r.ID, terminal.Plain(r.ModelName)), Reason: r.Reason, Hint: r.Hint,
			}
		}
	}
	for _, r := range t.runs {
		if r.Status == pipeline.ResultStopped {
			return &pipeline.Error{Op: fmt.Sprintf("result %d of model %s", r.ID, terminal.Plain(r.ModelName)), Reason: "was stopped"}
		}
	}
	return nil
}

// watchReady waits until an inference serves, or has failed.
func watchReady(ctx context.Context, k kind[pipeline.Inference], c *client.Client, id int64) error {
	last := ""
	var end pipeline.Inference
	err := k.env.Watch(ctx, pipeline.StepDeployInference, k.concerns(id), func(ctx context.Context) (bool, error) {
		i, err := c.Inferences().Get(ctx, id)
		if err != nil {
			return false, err
		}
		end = i
		state := fmt.Sprintf("%s, %d of %d ready", i.Status, i.Ready, i.Wanted)
		if state != last {
			k.env.Note("inference %d: %s", id, state)
		}
		last = state
		ready := i.Status == pipeline.InferenceRunning && i.Ready >= i.Wanted
		return ready || i.Status == pipeline.InferenceFailed || i.Status == pipeline.InferenceStopped, nil
	})
	if err == nil && end.Status != pipeline.InferenceRunning {
		err = &pipeline.Error{Op: fmt.Sprintf("inference %d", id), Reason: string(end.Status) + ": " + end.Reason}
	}
	return err
}
