package train

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// A member of an input_config that nothing reads, such as a filter that is spelt
// wrong, is warned of, and told where the training fails.
func TestMembersThatNothingReads(t *testing.T) {
	for config, end := range map[string]string{
		`{"data_fields":["a","b","c"],"label_field":"y","wher":"value.a > 3.0"}`: eventing.TrainingFinished,
		`{"data_fields":["a","b","d"],"label_field":"y","wher":"value.a > 3.0"}`: eventing.TrainingFailed,
	} {
		r := newRig(t)
		r.Job.InputFormat, r.Job.InputConfig = pipeline.JSON, json.RawMessage(config)
		var records []stream.Record
		for i := range 20 {
			records = append(records, stream.Record{Value: fmt.Appendf(nil, `{"a":%d,"b":1,"c":2,"y":%d}`, i, i%2)})
		}
		r.produce(t, records)
		_ = Run(t.Context(), r.Config) // ends says how
		said := r.outcome.Hint
		if end == eventing.TrainingFinished {
			said = strings.Join(r.outcome.Split.Warnings, "\n")
		}
		if !cmp.Equal([]string{end}, r.ends) || !strings.Contains(said, `"wher" (is "where" meant?)`) {
			t.Errorf("%s: ended by %v, said %q", config, r.ends, said)
		}
	}
}
