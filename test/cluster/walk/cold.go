package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// range05 lets an inference scale to zero and wakes it by records, E2E_COLD times,
// and splits the time until the first prediction.
func (w *walk) range05(ctx context.Context, r *row) error {
	times, err := strconv.Atoi(cmp.Or(os.Getenv("E2E_COLD"), "1"))
	if err != nil || times < 1 {
		return fmt.Errorf("E2E_COLD is no number of cold starts: %q", os.Getenv("E2E_COLD"))
	}
	began := time.Now()
	i, err := w.infer(ctx, pipeline.InferenceForm{Result: w.results[0].ID, Replicas: 0, MaxReplicas: 5}, 0)
	if err != nil {
		return err
	}
	if err := w.atZero(ctx, i.Name); err != nil {
		return err
	}
	r.notef("deployed, ready and at zero after %.0f s", time.Since(began).Seconds())
	var took []time.Duration
	for warm := 0; len(took) < times; {
		if err := w.atZero(ctx, i.Name); err != nil {
			return err
		}
		one, cold, err := w.coldStart(ctx, i, r)
		switch {
		case err != nil:
			return err
		case cold:
			took = append(took, one)
		default:
			if warm++; warm > times+5 {
				return fmt.Errorf("%d of %d times a pod that was ending answered: no cold start", warm, warm+len(took))
			}
		}
	}
	if slices.Sort(took); times > 1 {
		r.notef("median of %d: %.2f s (%.2f to %.2f)", times, ((took[(times-1)/2] + took[times/2]) / 2).Seconds(), took[0].Seconds(), took[times-1].Seconds())
	}
	return nil
}

// firstOf is the time of the earliest record of a topic after the offsets
// before.
func (w *walk) firstOf(ctx context.Context, topic string, before map[int]int64) (first time.Time, err error) {
	_, next, err := w.cluster.Offsets(ctx, topic)
	if err != nil {
		return first, err
	}
	for p, end := range next {
		if end == before[p] {
			continue
		}
		err := w.cluster.Read(ctx, pipeline.Range{Topic: topic, Partition: p, Offset: before[p], Length: 1}, func(rec stream.Record) error {
			if first.IsZero() || rec.Time.Before(first) {
				first = rec.Time
			}
			return nil
		})
		if err != nil {
			return first, err
		}
	}
	return first, nil
}

// coldStart wakes an inference that is at zero, gives the time from the first record
// to the first prediction, and splits it by what the pod that was ready first says:
// Kubernetes to the second, its own log to the millisecond. It was not cold where a
// pod that was told to end predicted first, as it does until its connections are closed.
func (w *walk) coldStart(ctx context.Context, i pipeline.Inference, r *row) (took time.Duration, cold bool, err error) {
	before, err := w.ends(ctx, i)
	if err != nil {
		return 0, false, err
	}
	woken := time.Now()
	const records = 200
	if _, err := w.feed(ctx, i.InputTopic, 2000, atMost(records)); err != nil {
		return 0, false, err
	}
	if err := w.collect(ctx, i, before, records, r); err != nil {
		return 0, false, err
	}
	first, err := w.firstOf(ctx, i.OutputTopic, before.out)
	if err != nil {
		return 0, false, err
	}
	pods, err := w.running(ctx, selector(i))
	if err != nil {
		return 0, false, err
	}
	r.pods = len(pods)
	scheduled, loading, serving, err := w.firstServing(ctx, i, woken)
	if err != nil {
		return 0, false, err
	}
	if first.Before(serving) {
		r.notef("a pod that was ending predicted first")
		return 0, false, nil
	}
	took = first.Sub(woken)
	r.notef("cold start %.2f s: scheduled %.0f, container %.0f, model loaded %.2f, first prediction %.2f",
		took.Seconds(), max(0, scheduled.Sub(woken).Seconds()), loading.Sub(scheduled).Seconds(), serving.Sub(loading).Seconds(), first.Sub(serving).Seconds())
	return took, true, nil
}

// firstServing waits until a pod of an inference says that it serves since it
// was woken, and gives when the one that was first was scheduled, began to load
// its model and served. More pods may be starting: a container that has not
// started has no log, and one that starts now was not the first. Those from
// before, and soon those that served, are on their way out: a pod that is gone
// when its log is asked for is left out.
func (w *walk) firstServing(ctx context.Context, i pipeline.Inference, woken time.Time) (scheduled, loading, serving time.Time, err error) {
	var gone error
	err = until(ctx, func() (bool, error) {
		pods, err := w.started(ctx, selector(i))
		if err != nil {
			return false, err
		}
		for _, p := range pods {
			from, to, err := w.loaded(ctx, p.name)
			if err != nil {
				gone = err
			} else if to.After(woken) && (serving.IsZero() || to.Before(serving)) {
				scheduled, loading, serving = p.scheduled, from, to
			}
		}
		return !serving.IsZero(), nil
	})
	if err != nil {
		err = fmt.Errorf("predictions came, but no pod says that it serves: %w", errors.Join(err, gone))
	}
	return scheduled, loading, serving, err
}

// pod is one whose function's container runs.
type pod struct {
	name      string
	scheduled time.Time
	leaving   bool // on its way out
}

// started lists the pods of a selector whose function's container runs.
func (w *walk) started(ctx context.Context, selector string) (all []pod, err error) {
	out, err := w.kubectl(ctx, "get", "pods", "-l", selector, "-o", "json")
	if err != nil {
		return nil, err
	}
	var pods struct {
		Items []struct {
			Metadata struct {
				Name              string
				DeletionTimestamp *time.Time
			}
			Status struct {
				Conditions []struct {
					Type               string
					LastTransitionTime time.Time
				}
				ContainerStatuses []struct {
					Name  string
					State struct{ Running *struct{} }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &pods); err != nil {
		return nil, fmt.Errorf("read the pods: %w", err)
	}
	for _, item := range pods.Items {
		p := pod{name: item.Metadata.Name, leaving: item.Metadata.DeletionTimestamp != nil}
		for _, condition := range item.Status.Conditions {
			if condition.Type == "PodScheduled" {
				p.scheduled = condition.LastTransitionTime
			}
		}
		for _, c := range item.Status.ContainerStatuses {
			if c.Name == container && c.State.Running != nil {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// container is how Knative calls the container of a function.
const container = "user-container"

// loaded reads from a predict pod's log when it began to load its model and
// when it served; zero while it does not.
func (w *walk) loaded(ctx context.Context, pod string) (from, to time.Time, err error) {
	log, err := w.kubectl(ctx, "logs", pod, "-c", container)
	if err != nil {
		return from, to, err
	}
	for line := range strings.Lines(log) {
		var entry struct {
			Time    time.Time `json:"time"`
			Message string    `json:"msg"`
			Seconds float64   `json:"seconds"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "serving" {
			return entry.Time.Add(-time.Duration(entry.Seconds * float64(time.Second))), entry.Time, nil
		}
	}
	return from, to, nil
}
