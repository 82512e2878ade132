package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// jobKilled kills a training's pod: its Job runs another, which finishes.
func (w *walk) jobKilled(ctx context.Context, r *row) error {
	results, err := w.disrupt(ctx, func(job string) error {
		r.notef("killed the pod of %s", job)
		_, err := w.kubectl(ctx, "delete", "pod", "-l", "batch.kubernetes.io/job-name="+job, "--grace-period=0", "--force", "--wait=false")
		return err
	})
	r.pods = len(results) + 1
	return err
}

// jobLost takes a Job away as the loss of its node and of the API's object
// would: the result is trained again, as its next attempt.
func (w *walk) jobLost(ctx context.Context, r *row) error {
	results, err := w.disrupt(ctx, func(job string) error {
		r.notef("deleted %s", job)
		_, err := w.kubectl(ctx, "delete", "job", job, "--grace-period=0", "--force")
		return err
	})
	if err != nil {
		return err
	}
	r.pods, r.records = len(results)+1, dataRecords
	for _, result := range results {
		if result.Attempt == 2 {
			r.notef("finished as train-%d-2", result.ID)
			return nil
		}
	}
	return fmt.Errorf("no result was trained a second time")
}

// disrupt trains for long, does something to the first Job that has done an
// epoch, and waits until all have finished all the same.
func (w *walk) disrupt(ctx context.Context, do func(job string) error) ([]pipeline.Result, error) {
	return w.trainAgain(ctx, "epochs=3000", nil, func(ctx context.Context, deployment int64, want int) ([]pipeline.Result, error) {
		job, err := w.underWay(ctx, deployment)
		if err != nil {
			return nil, err
		}
		if err := do(job); err != nil {
			return nil, err
		}
		return w.finished(ctx, deployment, want)
	})
}

// underWay waits until a training of a deployment has done an epoch and gives
// its Job.
func (w *walk) underWay(ctx context.Context, deployment int64) (job string, err error) {
	err = until(ctx, func() (bool, error) {
		page, err := w.client.Results().List(ctx, client.Query{Filters: map[string]string{"deployment": fmt.Sprint(deployment)}})
		if away(err) {
			return false, nil
		}
		for _, result := range page.Items {
			if result.Status == pipeline.ResultRunning && result.EpochsDone > 0 {
				job = fmt.Sprintf("train-%d-%d", result.ID, result.Attempt)
			} else if result.Status.Ended() {
				return false, fmt.Errorf("result %d is %s too early: %s", result.ID, result.Status, result.Reason)
			}
		}
		return job != "", err
	})
	return job, err
}

// jobMemory gives a training too little memory.
func (w *walk) jobMemory(ctx context.Context, r *row) error {
	return w.jobFails(ctx, r, "epochs=2", &pipeline.Resources{Memory: "60Mi"}, "OOMKilled")
}

// jobUnschedulable asks for a node that is not there.
func (w *walk) jobUnschedulable(ctx context.Context, r *row) error {
	return w.jobFails(ctx, r, "epochs=2", &pipeline.Resources{NodeSelector: map[string]string{"kafkaml.io/none": "such"}}, "Unschedulable")
}

// jobLate gives a training less time than it needs.
func (w *walk) jobLate(ctx context.Context, r *row) error {
	return w.jobFails(ctx, r, "epochs=1000000", &pipeline.Resources{DeadlineSecs: 6}, "deadline of 6 s")
}

// jobFails trains with resources that cannot do and looks for the reason in
// the results.
func (w *walk) jobFails(ctx context.Context, r *row, kwargs string, resources *pipeline.Resources, why string) error {
	results, err := w.trainAgain(ctx, kwargs, resources, w.ended)
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

// jobStopped stops a deployment while it trains: its Jobs and their pods go.
func (w *walk) jobStopped(ctx context.Context, r *row) error {
	results, err := w.trainAgain(ctx, "epochs=1000000", nil, func(ctx context.Context, deployment int64, want int) ([]pipeline.Result, error) {
		if _, err := w.underWay(ctx, deployment); err != nil {
			return nil, err
		}
		if _, err := w.client.Send(ctx, w.client.StopDeployment(deployment)); err != nil {
			return nil, err
		}
		return w.ended(ctx, deployment, want)
	})
	if err != nil {
		return err
	}
	for _, result := range results {
		if result.Status != pipeline.ResultStopped {
			return fmt.Errorf("result %d is %s: %s", result.ID, result.Status, result.Reason)
		}
	}
	r.pods = 0
	return until(ctx, func() (bool, error) {
		left := 0
		for _, result := range results {
			for _, kind := range []string{"jobs", "pods"} {
				names, err := w.names(ctx, kind, fmt.Sprintf("kafkaml.io/result=%d", result.ID))
				if err != nil {
					return false, err
				}
				left += len(names)
			}
		}
		return left == 0, nil
	})
}
