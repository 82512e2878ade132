package pipeline_test

import (
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestMeant(t *testing.T) {
	known := []string{"where", "window", "label", "label_field", "inputs", "on_bad", "data_fields", "validation_rate", "test_rate"}
	for name, want := range map[string]string{
		"wher":             "where",
		"hwere":            "where",
		"windows":          "window",
		"labels":           "label",
		"label_fields":     "label_field",
		"dataFields":       "data_fields",
		"data_feilds":      "data_fields",
		"validationRate":   "validation_rate",
		"validaton-rate":   "validation_rate",
		"onbda":            "on_bad",
		"filter":           "",
		"unsupervised":     "",
		"":                 "",
		"te":               "",
		"größe der fenste": "",
	} {
		if got := pipeline.Meant(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
