package features_test

import (
	"encoding/json"
	"testing"

	"github.com/kafkaml/kafkaml/shared/features"
)

func TestALabelAmongTheInputsIsFound(t *testing.T) {
	for config, want := range map[string]string{
		`{"data_fields": ["a", "y"], "label_field": "y"}`:                                     "y",
		`{"data_fields": "a, y", "label_field": ["y"]}`:                                       "y",
		`{"inputs": {"x": ["a", {"path": "$.p.y", "missing": 0}]}, "label": {"path": "p.y"}}`: "p.y",
		`{"inputs": ["a", "y"], "label": "y"}`:                                                "y",
		`{"data_fields": ["a", "b"], "label_field": "y"}`:                                     "",
		`{"data_fields": ["a", "b"], "label_field": ["a", "b"]}`:                              "",
		`{"inputs": ["a", "y"], "label": "y", "window": {"by": "key", "size": 3}}`:            "",
		`{"inputs": ["a", "y"], "label": {"from": "key", "path": "y"}}`:                       "",
		`{"inputs": ["a", {"from": "header", "path": "y"}, {"from": "key"}], "label": "y"}`:   "",
		`{"data_type": "float32"}`:                                                            "",
		``:                                                                                    "",
	} {
		if got := features.Leak(json.RawMessage(config)); got != want {
			t.Errorf("%s: %q, want %q", config, got, want)
		}
	}
}
