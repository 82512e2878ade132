package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	partitions = 6
	many       = 10_000 // records to predict
)

// infer deploys an inference between two new topics and waits until want
// replicas are ready.
func (w *walk) infer(ctx context.Context, form pipeline.InferenceForm, want int) (pipeline.Inference, error) {
	w.topics++
	form.InputTopic, form.OutputTopic = fmt.Sprintf("%se2e%s-in-%d", w.prefix, w.run, w.topics), fmt.Sprintf("%se2e%s-out-%d", w.prefix, w.run, w.topics)
	for _, topic := range []string{form.InputTopic, form.OutputTopic} {
		if err := w.cluster.EnsureTopic(ctx, topic, partitions); err != nil {
			return pipeline.Inference{}, err
		}
	}
	i, err := client.Do[pipeline.Inference](ctx, w.client, w.client.DeployInference(form))
	if err != nil {
		return i, err
	}
	return i, w.ready(ctx, i.ID, want)
}

// ready waits until an inference has so many replicas.
func (w *walk) ready(ctx context.Context, id int64, want int) error {
	return until(ctx, func() (bool, error) {
		i, err := w.client.Inferences().Get(ctx, id)
		if away(err) {
			return false, nil
		}
		return err == nil && i.Ready == want && i.Status == pipeline.InferenceRunning, err
	})
}

func selector(i pipeline.Inference) string { return "serving.knative.dev/service=" + i.Name }

// replicas serves by three replicas behind a KafkaSource and looks whether all
// three predict.
func (w *walk) replicas(ctx context.Context, r *row) (err error) {
	began := time.Now()
	if w.source, err = w.infer(ctx, pipeline.InferenceForm{Result: w.results[0].ID, Replicas: 3}, 3); err != nil {
		return err
	}
	r.notef("3 of 3 ready after %.1f s", time.Since(began).Seconds())
	if err := w.pass(ctx, w.source, many, 2000, r, nil); err != nil {
		return err
	}
	return w.shared(ctx, w.source, 3, r)
}

// shared waits until each of the replicas has predicted, and reports how many
// records each has. More come for a replica that joined too late for any.
func (w *walk) shared(ctx context.Context, i pipeline.Inference, want int, r *row) error {
	for {
		pods, shares, err := w.shares(ctx, i)
		if err != nil {
			return err
		}
		if len(shares) == want {
			r.pods = len(pods)
			r.notef("predictions by pod: %s", strings.Join(shares, " + "))
			return nil
		}
		if err := w.pass(ctx, i, 2000, 1000, r, nil); err != nil {
			return fmt.Errorf("%d replicas of %d have predicted: %w", len(shares), want, err)
		}
	}
}

// shares are the predictions of each replica that made some.
func (w *walk) shares(ctx context.Context, i pipeline.Inference) (pods, shares []string, err error) {
	if pods, err = w.running(ctx, selector(i)); err != nil {
		return nil, nil, err
	}
	for _, pod := range pods {
		metrics, err := w.kubectl(ctx, "get", "--raw", "/api/v1/namespaces/"+w.namespace+"/pods/"+pod+":8080/proxy/metrics")
		if err != nil {
			return nil, nil, err
		}
		if n := metric(metrics, "kafkaml_predict_batch_records_sum"); n != "" && n != "0" {
			shares = append(shares, n)
		}
	}
	return pods, shares, nil
}

// metric gives the value of the first sample of a metric in Prometheus' text.
func metric(text, name string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name) {
			fields := strings.Fields(line)
			return fields[len(fields)-1]
		}
	}
	return ""
}

// killed kills one of the three pods while records flow.
func (w *walk) killed(ctx context.Context, r *row) error {
	r.pods = 3
	return w.pass(ctx, w.source, many, 1000, r, func() error {
		pods, err := w.running(ctx, selector(w.source))
		if err != nil || len(pods) == 0 {
			return fmt.Errorf("no pod to kill: %w", err)
		}
		_, err = w.kubectl(ctx, "delete", "pod", pods[0], "--grace-period=0", "--force", "--wait=false")
		return err
	})
}

// update serves another result while records flow.
func (w *walk) update(ctx context.Context, r *row) error {
	err := w.pass(ctx, w.source, many, 500, r, func() error {
		_, err := w.client.Send(ctx, w.client.UpdateInference(w.source.ID, client.Patch{"result": w.results[1].ID}))
		return err
	})
	if err != nil {
		return err
	}
	revisions, err := w.names(ctx, "revisions", selector(w.source))
	r.notef("%d revisions", len(revisions))
	if err == nil && len(revisions) < 2 {
		err = fmt.Errorf("there is no new revision")
	}
	return err
}

// canary sends a tenth of the traffic to the older revision, then all to the
// newest again.
func (w *walk) canary(ctx context.Context, r *row) error {
	revisions, err := w.names(ctx, "revisions", selector(w.source))
	if err != nil || len(revisions) < 2 {
		return fmt.Errorf("%d revisions: %w", len(revisions), err)
	}
	split := func(traffic []map[string]any) error {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"traffic": traffic}})
		if err != nil {
			return err
		}
		if _, err := w.kubectl(ctx, "patch", "ksvc", w.source.Name, "--type=merge", "-p", string(patch)); err != nil {
			return err
		}
		_, err = w.kubectl(ctx, "wait", "--for=condition=Ready", "ksvc/"+w.source.Name, "--timeout=15m")
		return err
	}
	if err := split([]map[string]any{{"revisionName": revisions[0], "percent": 90}, {"latestRevision": true, "percent": 10}}); err != nil {
		return err
	}
	if err := w.pass(ctx, w.source, 2000, 500, r, nil); err != nil {
		return err
	}
	traffic, err := w.kubectl(ctx, "get", "ksvc", w.source.Name, "-o", `jsonpath={range .status.traffic[*]}{.revisionName}={.percent} {end}`)
	if err != nil {
		return err
	}
	r.notef("%s", strings.TrimSpace(traffic))
	return split([]map[string]any{{"latestRevision": true, "percent": 100}})
}

// grow gives the input topic more partitions: its KafkaSource gets as many
// consumers, and what lies in the new partitions is predicted too.
func (w *walk) grow(ctx context.Context, r *row) error {
	const more = partitions + 2
	if err := w.cluster.GrowTopic(ctx, w.source.InputTopic, more); err != nil {
		return err
	}
	err := until(ctx, func() (bool, error) {
		consumers, err := w.kubectl(ctx, "get", "kafkasource", w.source.Name, "-o", "jsonpath={.spec.consumers}")
		return consumers == fmt.Sprint(more), err
	})
	if err != nil {
		return err
	}
	r.pods = 3
	r.notef("%d consumers", more)
	return w.pass(ctx, w.source, 2000, 1000, r, nil)
}

// direct lets three replicas consume by themselves.
func (w *walk) direct(ctx context.Context, r *row) error {
	i, err := w.infer(ctx, pipeline.InferenceForm{Result: w.results[0].ID, Replicas: 3, Delivery: pipeline.Direct}, 3)
	if err != nil {
		return err
	}
	if err := w.pass(ctx, i, many, 5000, r, nil); err != nil {
		return err
	}
	return w.shared(ctx, i, 3, r)
}
