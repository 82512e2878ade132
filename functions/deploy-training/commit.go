package deploytraining

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// name is the function's.
const name = pipeline.StepDeployTraining

// commit runs change in one transaction; the event it gives is the answer to
// command.
func (s *Service) commit(ctx context.Context, op string, command event.Event, change func(*registry.Tx) (*event.Event, error)) (*event.Event, error) {
	answer, err := door.Once(ctx, s.Store, command, change)
	if err != nil {
		return nil, during(op, err)
	}
	return answer, nil
}

// tell makes the fact of typ about id and emits it.
func tell(tx *registry.Tx, typ string, id int64, data any) (*event.Event, error) {
	e := eventing.New(typ, door.Source(name), strconv.FormatInt(id, 10), data)
	return &e, tx.Emit(e)
}

// during names the operation in an error.
func during(op string, err error) error {
	var e *pipeline.Error
	if errors.As(err, &e) {
		named := *e
		named.Op = op
		return &named
	}
	return fmt.Errorf("%s: %w", op, err)
}

// target reads the id of a command about an existing thing, which says no
// more.
func target(e event.Event) (int64, error) {
	id, err := eventing.ID(e)
	if err != nil {
		return 0, err
	}
	return id, eventing.Data(e, &struct {
		ID *int64 `json:"id"` // may repeat the subject
	}{})
}
