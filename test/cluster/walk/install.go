package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// install applies the overlay to the empty namespace and waits for the
// functions; where there is no overlay it only waits.
func (w *walk) install(ctx context.Context, r *row) error {
	if w.overlay != "" {
		if err := w.apply(ctx, r); err != nil {
			return err
		}
	}
	began := time.Now()
	if _, err := w.kubectl(ctx, "wait", "--for=condition=Ready", "ksvc", "--all", "--timeout=15m"); err != nil {
		return err
	}
	out, err := w.kubectl(ctx, "get", "ksvc", "-l", "app.kubernetes.io/part-of=kafkaml,!kafkaml.io/inference", "-o", "name")
	r.pods = len(strings.Fields(out))
	r.notef("ready %.1f s later", time.Since(began).Seconds())
	if err == nil && r.pods != 6 {
		err = fmt.Errorf("%d functions: %s", r.pods, out)
	}
	return err
}

// apply installs. Knative's webhook may refuse for some seconds where Knative
// itself has just been installed.
func (w *walk) apply(ctx context.Context, r *row) error {
	began, refused := time.Now(), 0
	err := until(ctx, func() (bool, error) {
		_, err := w.kubectl(ctx, "apply", "-k", w.overlay)
		if err != nil && refused < 20 {
			refused++
			return false, nil
		}
		return err == nil, err
	})
	r.notef("applied in %.1f s", time.Since(began).Seconds())
	if refused > 0 {
		r.notef("refused %d times before", refused)
	}
	return err
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
		out, _ := w.kubectl(ctx, "auth", "can-i", c.verb, c.resource, "--as=system:serviceaccount:"+w.namespace+":"+c.account)
		want := "no"
		if c.may {
			want = "yes"
		}
		if strings.TrimSpace(out) != want {
			return fmt.Errorf("may %s %s %s? %q, not %s", c.account, c.verb, c.resource, out, want)
		}
	}
	_, err := w.kubectl(ctx, "create", "job", "denied", "--image=none", "--as=system:serviceaccount:"+w.namespace+":kafkaml-worker")
	if err == nil || !strings.Contains(err.Error(), "orbidden") {
		return fmt.Errorf("a Job by kafkaml-worker: %w", err)
	}
	r.notef("10 questions answered as stated; a Job by kafkaml-worker: Forbidden")
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
	r.pods = 0
	return w.nothing(ctx, "app.kubernetes.io/name=predict", "ksvc", "kafkasource", "revisions", "pods")
}

// nothing waits until no object of the kinds has the label.
func (w *walk) nothing(ctx context.Context, selector string, kinds ...string) error {
	var left []string
	err := until(ctx, func() (bool, error) {
		left = left[:0]
		for _, kind := range kinds {
			names, err := w.names(ctx, kind, selector)
			if err != nil {
				return false, err
			}
			for _, name := range names {
				left = append(left, kind+"/"+name)
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		err = fmt.Errorf("%w: left: %s", err, strings.Join(left, " "))
	}
	return err
}

// uninstall leaves a training and an inference running and deletes the two
// functions that made them: the owner references take all of it away. Then the
// overlay goes.
func (w *walk) uninstall(ctx context.Context, r *row) error {
	if w.overlay == "" {
		r.notef("left as it is: E2E_OVERLAY is not set")
		return nil
	}
	if _, err := w.infer(ctx, pipeline.InferenceForm{Result: w.results[0].ID, Replicas: 1}, 1); err != nil {
		return err
	}
	_, err := w.trainAgain(ctx, "epochs=1000000", nil, func(ctx context.Context, deployment int64, _ int) ([]pipeline.Result, error) {
		_, err := w.underWay(ctx, deployment)
		return nil, err
	})
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := w.kubectl(ctx, "delete", "ksvc", "deploy-training", "deploy-inference"); err != nil {
		return err
	}
	if err := w.nothing(ctx, "app.kubernetes.io/managed-by in (kafkaml,deploy-inference)", "jobs", "ksvc", "kafkasource", "pods"); err != nil {
		return err
	}
	r.notef("Jobs, services, sources and pods gone after %.1f s", time.Since(began).Seconds())
	if _, err := w.kubectl(ctx, "delete", "ksvc,kafkasource", "--all"); err != nil { // first: a namespace with pods that drain waits for minutes
		return err
	}
	if err := w.nothing(ctx, "serving.knative.dev/service", "pods"); err != nil {
		return err
	}
	_, err = w.kubectl(ctx, "delete", "-k", w.overlay, "--ignore-not-found", "--timeout=15m")
	r.notef("the namespace after %.1f s", time.Since(began).Seconds())
	return err
}
