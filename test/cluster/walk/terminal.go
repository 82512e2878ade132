package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// terminal sends a command as the page shows it for kubectl: by the program in
// a pod that always runs.
func (w *walk) terminal(ctx context.Context, r *row) error {
	var pods []pod
	err := until(ctx, func() (_ bool, err error) {
		pods, err = w.started(ctx, "serving.knative.dev/service=deploy-training")
		pods = slices.DeleteFunc(pods, func(p pod) bool { return p.leaving })
		return len(pods) > 0, err
	})
	if err != nil {
		return fmt.Errorf("a pod of deploy-training: %w", err)
	}
	name := "by-kubectl" + w.run
	out, err := w.kubectl(ctx, "exec", "-i", pods[0].name, "-c", container, "--", "/usr/local/bin/kafkaml", "--server", "http://page."+w.namespace+".svc.cluster.local",
		"configurations", "create", "--name", name, "--models", fmt.Sprint(w.models[0]))
	if err != nil {
		return err
	}
	if !strings.Contains(out, name) {
		return fmt.Errorf("kafkaml in the pod printed %q", out)
	}
	r.notef("created configuration %s", name)
	return nil
}
