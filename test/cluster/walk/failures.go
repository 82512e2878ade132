package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// jobKilled kills a training's pod: its Job runs another, which finishes.
func (w *walk) jobKilled(ctx context.Context, r *row) error {
	results, err := w.trainAgain(ctx, "epochs=3000", nil, func(ctx context.Context, deployment int64, want int) ([]pipeline.Result, error) {
		var job string
		err := until(ctx, func() (bool, error) {
			page, err := w.client.Results().List(ctx, client.Query{Filters: map[string]string{"deployment": fmt.Sprint(deployment)}})
			for _, result := range page.Items {
				if result.Status == pipeline.ResultRunning && result.EpochsDone > 0 {
					job = fmt.Sprintf("train-%d-%d", result.ID, result.Attempt)
				}
				if result.Status.Ended() && job == "" {
					return false, fmt.Errorf("result %d ended before its pod could be killed: %s", result.ID, result.Reason)
				}
			}
			return job != "", err
		})
		if err != nil {
			return nil, err
		}
		if _, err := w.kubectl(ctx, "delete", "pod", "-l", "batch.kubernetes.io/job-name="+job, "--grace-period=0", "--force", "--wait=false"); err != nil {
			return nil, err
		}
		r.notef("killed the pod of %s", job)
		return w.finished(ctx, deployment, want)
	})
	r.pods = len(results) + 1
	return err
}

// jobMemory gives a training too little memory.
func (w *walk) jobMemory(ctx context.Context, r *row) error {
	return w.jobFails(ctx, r, &pipeline.Resources{Memory: "60Mi"}, "OOMKilled")
}

// jobUnschedulable asks for a node that is not there.
func (w *walk) jobUnschedulable(ctx context.Context, r *row) error {
	return w.jobFails(ctx, r, &pipeline.Resources{NodeSelector: map[string]string{"kafkaml.io/none": "such"}}, "Unschedulable")
}

func (w *walk) jobFails(ctx context.Context, r *row, resources *pipeline.Resources, why string) error {
	results, err := w.trainAgain(ctx, "epochs=2", resources, w.ended)
	if err != nil {
		return err
	}
	for _, result := range results {
		if result.Status != pipeline.ResultFailed || !strings.Contains(result.Reason, why) {
			return fmt.Errorf("result %d is %s: %q", result.ID, result.Status, result.Reason)
		}
	}
	r.pods = len(results)
	r.notef("%s: %s", results[0].Status, results[0].Reason)
	return nil
}

// rights asks the API server what each service account may do.
func (w *walk) rights(ctx context.Context, r *row) error {
	for _, c := range []struct {
		account, verb, resource string
		may                     bool
	}{
		{"kafkaml-worker", "create", "jobs", false},
		{"kafkaml-worker", "create", "services.serving.knative.dev", false},
		{"kafkaml-worker", "get", "secrets", false},
		{"deploy-training", "create", "jobs", true},
		{"deploy-training", "create", "services.serving.knative.dev", false},
		{"deploy-training", "get", "secrets", false},
		{"deploy-inference", "create", "services.serving.knative.dev", true},
		{"deploy-inference", "create", "kafkasources.sources.knative.dev", true},
		{"deploy-inference", "create", "jobs", false},
		{"deploy-inference", "get", "secrets", false},
	} {
		// can-i exits with 1 where the answer is no
		out, _ := w.kubectl(ctx, "auth", "can-i", c.verb, c.resource, "--as=system:serviceaccount:"+namespace+":"+c.account)
		want := "no"
		if c.may {
			want = "yes"
		}
		if strings.TrimSpace(out) != want {
			return fmt.Errorf("may %s %s %s? %q, not %s", c.account, c.verb, c.resource, out, want)
		}
	}
	_, err := w.kubectl(ctx, "create", "job", "denied", "--image=none", "--as=system:serviceaccount:"+namespace+":kafkaml-worker")
	if err == nil || !strings.Contains(err.Error(), "orbidden") {
		return fmt.Errorf("a Job by kafkaml-worker: %w", err)
	}
	r.notef("10 questions answered as stated; a Job by kafkaml-worker: Forbidden")
	return nil
}

// wake waits until control-log has no pod, then asks it something.
func (w *walk) wake(ctx context.Context, r *row) error {
	err := until(ctx, func() (bool, error) {
		pods, err := w.running(ctx, "serving.knative.dev/service=control-log")
		return len(pods) == 0, err
	})
	if err != nil {
		return err
	}
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url("control-log")+"/datasources", nil)
	if err != nil {
		return err
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r.notef("answered %d after %.1f s", resp.StatusCode, time.Since(began).Seconds())
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("control-log answered %d", resp.StatusCode)
	}
	return nil
}
