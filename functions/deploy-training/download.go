package deploytraining

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// kindOf is the framework of a result's model.
func (s *Service) kindOf(ctx context.Context, r pipeline.Result) (framework.Kind, error) {
	m, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelOf(r) })
	if err != nil {
		return framework.Kind{}, err
	}
	return s.Kinds.Get(m.Framework)
}

// trained reads the result of a request's path, which must have a model.
func (s *Service) trained(r *http.Request) (result pipeline.Result, err error) {
	id, err := door.PathID(r)
	if err != nil {
		return result, err
	}
	result, err = registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(id) })
	if err == nil && result.Status != pipeline.ResultFinished {
		err = &pipeline.Error{
			Kind: pipeline.Conflict, Field: "status", Reason: fmt.Sprintf("result %d is %s", id, result.Status),
			Hint: "a model can be downloaded once it is finished",
		}
	}
	return result, err
}

// fileName is a name for a result's file that every file system takes.
func fileName(r pipeline.Result) string {
	safe := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			return c
		}
		return '-'
	}, r.ModelName)
	return fmt.Sprintf("%s-result-%d", safe, r.ID)
}
