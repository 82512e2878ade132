package deployinference

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// subject is a result and the version of the model that it trained.
type subject struct {
	challenger *subject // that shares the records of an inference; nil where none does
	result     pipeline.Result
	model      pipeline.Model
	stream     pipeline.Datasource // that it was trained on
}

// subjectOf reads what an inference of a result would serve; a result that has
// no trained model is refused.
func subjectOf(tx *registry.Tx, result int64) (s subject, err error) {
	if s.result, err = tx.Result(result); err != nil {
		if pipeline.KindOf(err) == pipeline.NotFound {
			err = pipeline.Invalidf("result", "there is no result %d", result)
		}
		return s, err
	}
	if s.result.Status != pipeline.ResultFinished || s.result.Artifact == "" {
		hint := "wait until its training has finished"
		if s.result.Status.Ended() {
			hint = "it will not finish: serve another, or train again"
		}
		return s, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "result", Hint: hint,
			Reason: fmt.Sprintf("result %d is %s, only a finished one can be served", result, s.result.Status),
		}
	}
	if s.model, err = tx.ModelOf(s.result); err != nil {
		return s, err
	}
	s.stream, err = tx.Datasource(s.result.Datasource)
	if pipeline.KindOf(err) == pipeline.NotFound { // deleted since: there is nothing to suggest
		err = nil
	}
	return s, err
}
