package walk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// train waits until both models are trained and chooses the better one.
func (w *Walk) train(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("the training takes more than ten minutes"))
	defer cancel()
	err := until(ctx, time.Second, func() (bool, error) {
		page, err := w.Client.Results().List(ctx, client.Query{Filters: map[string]string{"deployment": fmt.Sprint(w.deployment.ID)}})
		w.results = page.Items
		if err != nil || len(w.results) == 0 {
			return false, err
		}
		ended := true
		for _, r := range w.results {
			ended = ended && r.Status.Ended()
		}
		return ended, nil
	})
	if err != nil {
		return err
	}
	for _, r := range w.results {
		if r.Status != pipeline.ResultFinished {
			return &pipeline.Error{Op: "train " + r.ModelName, Reason: fmt.Sprintf("%s: %s", r.Status, r.Reason), Hint: r.Hint}
		}
		w.done("trained %s by %s in %.1f s: accuracy %.4f training, %.4f validation, %.4f test", r.ModelName, r.Engine, r.Seconds,
			r.Metrics.Training["accuracy"], r.Metrics.Validation["accuracy"], r.Metrics.Test["accuracy"])
	}
	return nil
}

// best is the result with the highest accuracy on the test split.
func (w *Walk) best() pipeline.Result {
	best := w.results[0]
	for _, r := range w.results {
		if r.Metrics.Test["accuracy"] > best.Metrics.Test["accuracy"] {
			best = r
		}
	}
	return best
}

// serve deploys the better result between two topics.
func (w *Walk) serve(ctx context.Context) error {
	for _, topic := range []string{topicInput, topicOutput} {
		if err := w.Cluster.EnsureTopic(ctx, topic, partitions); err != nil {
			return err
		}
	}
	best := w.best()
	suggested, err := w.Client.Suggest(ctx, best.ID)
	if err != nil {
		return err
	}
	w.inference, err = client.Do[pipeline.Inference](ctx, w.Client, w.Client.Inferences().Command("deploy", 0, pipeline.InferenceForm{
		Result: best.ID, Replicas: 2, InputFormat: suggested.InputFormat, InputConfig: suggested.InputConfig,
		InputTopic: topicInput, OutputTopic: topicOutput,
	}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the inference is not ready after a minute"))
	defer cancel()
	err = until(ctx, 200*time.Millisecond, func() (bool, error) {
		w.inference, err = w.Client.Inferences().Get(ctx, w.inference.ID)
		if err == nil && w.inference.Status == pipeline.InferenceFailed {
			err = &pipeline.Error{Op: "deploy inference", Reason: w.inference.Reason}
		}
		return w.inference.Ready == w.inference.Wanted && w.inference.Ready > 0, err
	})
	if err != nil {
		return err
	}
	w.done("result %d (%s) serves predictions from %s to %s: %d of %d replicas ready", best.ID, best.ModelName, topicInput, topicOutput, w.inference.Ready, w.inference.Wanted)
	return nil
}

// until asks again and again, with pauses, until done or an error.
func until(ctx context.Context, pause time.Duration, done func() (bool, error)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
