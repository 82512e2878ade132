package deploytraining

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A deployment that is unsupervised trains with the records without labels that a
// stream names; what they cannot be used for fails its result, and no other one.
func TestUnsupervised(t *testing.T) {
	unlabelled := []pipeline.Range{{Topic: "more", Length: 9}}
	for name, c := range map[string]struct {
		form  map[string]any
		names *pipeline.Unlabelled
		says  string // of the Job's warnings, or why the result failed
		fails bool
	}{
		"trains with them":         {map[string]any{"batch_size": 10, "unsupervised": true, "unsupervised_rounds": 3, "confidence": 0.75}, &pipeline.Unlabelled{Ranges: unlabelled}, "", false},
		"the stream names none":    {map[string]any{"batch_size": 10, "unsupervised": true}, nil, "names no unsupervised_topic", false},
		"nobody wants them":        {map[string]any{"batch_size": 10}, &pipeline.Unlabelled{Ranges: unlabelled}, "the deployment is not unsupervised", false},
		"they cannot be used":      {map[string]any{"batch_size": 10, "unsupervised": true}, &pipeline.Unlabelled{Rejected: &pipeline.Rejection{Field: "unsupervised_topic", Reason: "gone"}}, "gone", true},
		"nobody wants them anyway": {map[string]any{"batch_size": 10}, &pipeline.Unlabelled{Rejected: &pipeline.Rejection{Reason: "gone"}}, "the deployment is not unsupervised", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			classifier := image
			classifier.Outputs = []pipeline.Tensor{{Name: "y", DType: "float32", Shape: []int{3}}}
			c.form["configuration"] = r.configuration(t, classifier)
			want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", c.form)
			d := r.stream(t, 1, 0)
			d.Unsupervised = c.names
			r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
			r.arrives(t, d)
			if c.fails {
				if got := r.result(t, 1); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, c.says) {
					t.Errorf("%+v", got)
				}
				return
			}
			spec := r.jobs.running["train-1-1"].Spec
			if !strings.Contains(strings.Join(spec.Warnings, "\n"), c.says) || (c.says == "") != (len(spec.Warnings) == 0) {
				t.Errorf("%q", spec.Warnings)
			}
			used := c.form["unsupervised"] != nil && c.names != nil
			if got := spec.Unlabelled; (got != nil) != used || used && (got.Rounds != 3 || got.Confidence != 0.75 || got.Ranges[0].Topic != "more") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What an unsupervised deployment cannot be is refused as it is created, by its member.
func TestRefusesUnsupervised(t *testing.T) {
	classifier := image
	classifier.Outputs = []pipeline.Tensor{{Name: "y", DType: "float32", Shape: []int{3}}}
	logits, several, regression := classifier, classifier, classifier
	logits.Logits = true
	several.Outputs = append(several.Outputs, several.Outputs[0])
	regression.Task, regression.Classes = pipeline.Regression, 0
	for name, c := range map[string]struct {
		model  pipeline.Export
		form   map[string]any
		member string
	}{
		"logits":              {logits, nil, "unsupervised"},
		"two outputs":         {several, nil, "unsupervised"},
		"a regression":        {regression, nil, "unsupervised"},
		"no round":            {classifier, map[string]any{"unsupervised_rounds": 0}, "unsupervised_rounds"},
		"too many rounds":     {classifier, map[string]any{"unsupervised_rounds": 1001}, "unsupervised_rounds"},
		"any class":           {classifier, map[string]any{"confidence": 0}, "confidence"},
		"more than certain":   {classifier, map[string]any{"confidence": 1.1}, "confidence"},
		"a stream":            {classifier, map[string]any{"mode": "stream"}, "unsupervised"},
		"not unsupervised":    {classifier, map[string]any{"unsupervised": false, "confidence": 0.5}, "unsupervised"},
		"rounds without that": {classifier, map[string]any{"unsupervised": false, "unsupervised_rounds": 5}, "unsupervised"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			form := map[string]any{"configuration": r.configuration(t, c.model), "batch_size": 10, "unsupervised": true}
			maps.Copy(form, c.form)
			if got := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", form); got.Field != c.member {
				t.Errorf("%+v", got)
			}
		})
	}
}
