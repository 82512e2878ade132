package features_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/features"
)

func TestMembersThatNothingReadsAreNamed(t *testing.T) {
	for config, want := range map[string][]string{
		`{"data_fields": ["a"], "label_field": "y", "wher": "value.a > 3.0"}`: {`"wher" (is "where" meant?)`},
		`{"data_fields": ["a"], "filter": "value.a > 3.0", "labels": "y"}`:    {`"filter"`, `"labels" (is "label" meant?)`},
		`{"data_type": "float32", "dataReshape": "2"}`:                        {`"dataReshape" (is "data_reshape" meant?)`},
		`{"data_fields": ["a"], "Where": "value.a > 3.0", "on_bad": "skip"}`:  nil,
		`{"data_scheme": "", "label_scheme": "", "key_scheme": "", "data_message": "M", "label_message": "L", "key_message": "K", "framing": "confluent", "data_type": "uint8", "label_reshape": ""}`: nil,
		`{"inputs": "a", "label": "y", "where": "true", "on_bad": "fail", "window": {"size": 2}}`:                                                                                                     nil,
		`[]`: nil, ``: nil, `null`: nil,
	} {
		got := features.Unread(json.RawMessage(config))
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q, want %s", config, got, w)
			}
		}
		if (got == "") != (want == nil) {
			t.Errorf("%s: %q", config, got)
		}
	}
}
