package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	partitions = 6
	many       = 10_000 // records to predict
)

// infer deploys an inference between two new topics and waits until want
// replicas are ready.
func (w *walk) infer(ctx context.Context, form client.InferenceForm, want int) (pipeline.Inference, error) {
	w.topics++
	form.InputTopic, form.OutputTopic = fmt.Sprintf("e2e%s-in-%d", w.run, w.topics), fmt.Sprintf("e2e%s-out-%d", w.run, w.topics)
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

// feed sends n records, spread over the partitions, at rate a second, and
// calls midway once half of them are sent.
func (w *walk) feed(ctx context.Context, topic string, n, rate int, midway func() error) error {
	writer := w.cluster.Writer()
	writer.Balancer = &kafka.RoundRobin{}
	random := rand.New(rand.NewPCG(3, 4))
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	for sent := 0; sent < n; {
		var batch []kafka.Message
		for range min(rate/10, n-sent) {
			value := make([]byte, 4*width)
			sample(value, random)
			batch = append(batch, kafka.Message{Topic: topic, Value: value})
		}
		if err := writer.WriteMessages(ctx, batch...); err != nil {
			return err
		}
		if sent < n/2 && sent+len(batch) >= n/2 && midway != nil {
			if err := midway(); err != nil {
				return err
			}
		}
		sent += len(batch)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return writer.Close()
}

// collect waits until n distinct predictions lie in a topic after the offsets
// before, or quiet passes without a new one, and counts them by event id.
func (w *walk) collect(ctx context.Context, topic string, before map[int]int64, n int, r *row) error {
	seen, total := map[string]bool{}, 0
	at := map[int]int64{}
	for p, o := range before {
		at[p] = o
	}
	const quiet = 40 * time.Second
	last := time.Now()
	err := until(ctx, func() (bool, error) {
		_, next, err := w.cluster.Offsets(ctx, topic)
		if err != nil {
			return false, err
		}
		for p, end := range next {
			if end == at[p] {
				continue
			}
			last = time.Now()
			err := w.cluster.Read(ctx, pipeline.Range{Topic: topic, Partition: p, Offset: at[p], Length: end - at[p]}, func(rec stream.Record) error {
				total++
				for _, h := range rec.Headers {
					if h.Key == "ce_id" {
						seen[string(h.Value)] = true
					}
				}
				return nil
			})
			if err != nil {
				return false, err
			}
			at[p] = end
		}
		return len(seen) >= n || time.Since(last) > quiet, nil
	})
	r.records, r.lost, r.duplicated = n, n-len(seen), total-len(seen)
	if err == nil && len(seen) != n {
		err = fmt.Errorf("%d distinct predictions of %d records", len(seen), n)
	}
	return err
}

// pass feeds n records through an inference and collects the predictions.
func (w *walk) pass(ctx context.Context, i pipeline.Inference, n, rate int, r *row, midway func() error) error {
	_, before, err := w.cluster.Offsets(ctx, i.OutputTopic)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := w.feed(ctx, i.InputTopic, n, rate, midway); err != nil {
		return err
	}
	err = w.collect(ctx, i.OutputTopic, before, n, r)
	r.notef("%d records in %.1f s", n, time.Since(began).Seconds())
	return err
}

func selector(i pipeline.Inference) string { return "serving.knative.dev/service=" + i.Name }

// replicas serves by three replicas behind a KafkaSource and looks whether all
// three predict.
func (w *walk) replicas(ctx context.Context, r *row) (err error) {
	began := time.Now()
	if w.source, err = w.infer(ctx, client.InferenceForm{Result: w.results[0].ID, Replicas: 3}, 3); err != nil {
		return err
	}
	r.notef("3 of 3 ready after %.1f s", time.Since(began).Seconds())
	if err := w.pass(ctx, w.source, many, 2000, r, nil); err != nil {
		return err
	}
	return w.shares(ctx, w.source, 3, r)
}

// shares tells how many predictions each replica made.
func (w *walk) shares(ctx context.Context, i pipeline.Inference, want int, r *row) error {
	pods, err := w.running(ctx, selector(i))
	if err != nil {
		return err
	}
	var shares []string
	for _, pod := range pods {
		metrics, err := w.kubectl(ctx, "get", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+pod+":8080/proxy/metrics")
		if err != nil {
			return err
		}
		if n := metric(metrics, "kafkaml_predict_batch_records_sum"); n != "" && n != "0" {
			shares = append(shares, n)
		}
	}
	r.pods = len(pods)
	r.notef("predictions by pod: %s", strings.Join(shares, " + "))
	if len(shares) != want {
		return fmt.Errorf("%d replicas of %d predicted", len(shares), want)
	}
	return nil
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
		_, err = w.kubectl(ctx, "wait", "--for=condition=Ready", "ksvc/"+w.source.Name, "--timeout=120s")
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

// direct lets three replicas consume by themselves.
func (w *walk) direct(ctx context.Context, r *row) error {
	i, err := w.infer(ctx, client.InferenceForm{Result: w.results[0].ID, Replicas: 3, Delivery: pipeline.Direct}, 3)
	if err != nil {
		return err
	}
	if err := w.pass(ctx, i, many, 5000, r, nil); err != nil {
		return err
	}
	return w.shares(ctx, i, 3, r)
}

// range05 lets an inference scale to zero and wakes it by records, and splits
// the time until the first prediction.
func (w *walk) range05(ctx context.Context, r *row) error {
	i, err := w.infer(ctx, client.InferenceForm{Result: w.results[0].ID, Replicas: 0, MaxReplicas: 5}, 0)
	if err != nil {
		return err
	}
	began := time.Now()
	err = until(ctx, func() (bool, error) {
		pods, err := w.running(ctx, selector(i))
		return len(pods) == 0, err
	})
	if err != nil {
		return err
	}
	r.notef("at zero after %.0f s", time.Since(began).Seconds())
	_, before, err := w.cluster.Offsets(ctx, i.OutputTopic)
	if err != nil {
		return err
	}
	woken := time.Now()
	if err := w.feed(ctx, i.InputTopic, 200, 2000, nil); err != nil {
		return err
	}
	err = until(ctx, func() (bool, error) {
		_, next, err := w.cluster.Offsets(ctx, i.OutputTopic)
		came := int64(0)
		for p, o := range next {
			came += o - before[p]
		}
		return came > 0, err
	})
	if err != nil {
		return err
	}
	first := time.Since(woken)
	pods, err := w.kubectl(ctx, "get", "pods", "-l", selector(i), "-o",
		`jsonpath={.items[?(@.status.containerStatuses[0].ready==true)].metadata.name}`)
	if err != nil {
		return err
	}
	ready := strings.Fields(pods)
	if len(ready) == 0 {
		return fmt.Errorf("a prediction came, but no pod is ready")
	}
	r.pods = len(ready)
	if err := w.coldStart(ctx, ready[0], woken, r); err != nil {
		return err
	}
	r.notef("first prediction %.1f s", first.Seconds())
	return w.collect(ctx, i.OutputTopic, before, 200, r)
}

// coldStart tells when a woken pod was made, had its container and was ready,
// in seconds since the first record.
func (w *walk) coldStart(ctx context.Context, pod string, woken time.Time, r *row) error {
	for _, at := range []struct{ what, path string }{
		{"pod made", "{.metadata.creationTimestamp}"},
		{"container runs", `{.status.containerStatuses[?(@.name=="user-container")].state.running.startedAt}`},
		{"model loaded, ready", `{.status.conditions[?(@.type=="Ready")].lastTransitionTime}`},
	} {
		text, err := w.kubectl(ctx, "get", "pod", pod, "-o", "jsonpath="+at.path)
		if err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return fmt.Errorf("%s: %w", at.what, err)
		}
		r.notef("%s %.0f s", at.what, t.Sub(woken).Seconds())
	}
	return nil
}

// remove deletes every inference and looks for what is left of them.
func (w *walk) remove(ctx context.Context, r *row) error {
	for i, err := range w.client.Inferences().All(ctx, client.Query{}) {
		if err != nil {
			return err
		}
		if _, err := w.client.Send(ctx, w.client.Inferences().Delete(i.ID)); err != nil {
			return err
		}
	}
	return until(ctx, func() (bool, error) {
		left := 0
		for _, kind := range []string{"ksvc", "kafkasource", "revisions", "pods"} {
			names, err := w.names(ctx, kind, "app.kubernetes.io/name=predict")
			if err != nil {
				return false, err
			}
			left += len(names)
		}
		return left == 0, nil
	})
}
