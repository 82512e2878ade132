package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ForTraining is New for records that are to train a model: the inputs and
// labels of its export. Where the labels do not suit the loss, the hint says
// which loss they suit. registry is that of a Binding.
func ForTraining(format pipeline.Format, config json.RawMessage, e pipeline.Export, registry bool) (*Decoder, error) {
	d, err := New(format, config, Binding{Inputs: e.Inputs, Labels: e.Labels, Registry: registry})
	var refusal *pipeline.Error
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.Field, "input_config.label") {
		if hint := LabelHint(e); hint != "" {
			refusal.Hint = hint
		}
	}
	return d, err
}

// LabelHint is what to do about labels of another shape than a classifier's
// loss wants, or than was taken for meant by a loss of one's own; empty for
// other models.
func LabelHint(e pipeline.Export) string {
	if e.LabelGuessed && len(e.Labels) == 1 {
		return fmt.Sprintf("the loss is the model's own, and labels of the shape %s fit it: if it takes those of the stream, state them in label_reshape of the model (%s) and update it",
			shapeText(e.Labels[0].Shape), `sizes such as "2", or "scalar"`)
	}
	if e.Task != pipeline.Classification || len(e.Labels) != 1 {
		return ""
	}
	if strings.Contains(e.Loss, "sparse") {
		return fmt.Sprintf("%s wants the class as one whole number; for one-hot labels compile with loss=\"categorical_crossentropy\"", e.Loss)
	}
	if e.Labels[0].Elements() == e.Classes {
		return fmt.Sprintf("%s wants one-hot labels of %d numbers; for labels that are the number of the class compile with loss=\"sparse_categorical_crossentropy\"", e.Loss, e.Classes)
	}
	return ""
}
