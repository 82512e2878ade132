package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// walk is what the steps share.
type walk struct {
	client    *client.Client
	namespace string
	control   string // the control topic
	prefix    string // of the topics
	token     string // of one who may do everything, where one logs in
	cluster   *stream.Cluster
	http      *http.Client
	domain    string
	ingress   string
	overlay   string
	kafkaml   string
	rows      []*row

	run           string // ends the names of what this walk makes
	datasources   []pipeline.Datasource
	models        []int64
	configuration int64
	deployment    pipeline.Deployment
	results       []pipeline.Result
	source        pipeline.Inference   // 3 replicas by KafkaSource
	served        []pipeline.Inference // under faults
	tenant        *walk                // a second installation
	topics        int
}

// row is a line of the table; -1 where a column does not apply.
type row struct {
	step                            string
	seconds                         float64
	pods, records, lost, duplicated int
	silent                          time.Duration // longest time without a prediction
	note                            string
}

func (r *row) notef(format string, args ...any) {
	if r.note != "" {
		r.note += "; "
	}
	r.note += fmt.Sprintf(format, args...)
}

// step does one step within its limit and keeps its row.
func (w *walk) step(ctx context.Context, s step) error {
	fmt.Printf("== %s\n", s.name)
	r := &row{step: s.name, pods: -1, records: -1, lost: -1, duplicated: -1}
	w.rows = append(w.rows, r)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %s", limit))
	defer cancel()
	began := time.Now()
	err := s.do(w, ctx, r)
	r.seconds = time.Since(began).Seconds()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = errors.Join(cause, err)
		}
		r.notef("FAILED: %s", strings.ReplaceAll(err.Error(), "\n", ": "))
	}
	fmt.Printf("   %.1f s  %s\n", r.seconds, r.note)
	return err
}

// print writes the table.
func (w *walk) print() {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstep\tseconds\tpods\trecords\tlost\tduplicated\tsilent\tnote")
	n := func(v int) string {
		if v < 0 {
			return "-"
		}
		return fmt.Sprint(v)
	}
	for _, r := range w.rows {
		silent := "-"
		if r.silent > 0 {
			silent = fmt.Sprintf("%.1f s", r.silent.Seconds())
		}
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%s\t%s\t%s\t%s\t%s\n", r.step, r.seconds, n(r.pods), n(r.records), n(r.lost), n(r.duplicated), silent, r.note)
	}
	_ = t.Flush() // standard output
}

// url is where Knative serves a function.
func (w *walk) url(function string) string {
	return "http://" + function + "." + w.namespace + "." + w.domain
}

// kubectl runs a command in the namespace and gives what it prints.
func (w *walk) kubectl(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "kubectl", append([]string{"-n", w.namespace}, args...)...)
	var problem strings.Builder
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// names lists objects by kind and label.
func (w *walk) names(ctx context.Context, kind, selector string) ([]string, error) {
	out, err := w.kubectl(ctx, "get", kind, "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")
	return strings.Fields(out), err
}

// running lists the pods of a selector that are not on their way out.
func (w *walk) running(ctx context.Context, selector string) ([]string, error) {
	out, err := w.kubectl(ctx, "get", "pods", "-l", selector, "-o",
		`go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}`)
	return strings.Fields(out), err
}

// until asks again and again until done, an error, or the step's limit.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(300 * time.Millisecond)
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

// away reports whether an error may pass: a function that starts or is replaced.
func away(err error) bool { return pipeline.KindOf(err) == pipeline.Unavailable }
