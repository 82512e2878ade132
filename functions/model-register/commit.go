package modelregister

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
const name = pipeline.StepModelRegister

// fact is what a command changed: the event's type, its subject and its data.
type fact struct {
	typ  string
	id   int64
	data any
}

// deleted is the data of a fact about a thing that is gone.
type deleted struct {
	ID int64 `json:"id"`
}

// commit runs change in one transaction with the fact it tells, which is also
// the answer to command.
func (s *Service) commit(ctx context.Context, op string, command event.Event, change func(*registry.Tx) (fact, error)) (*event.Event, error) {
	answer, err := door.Once(ctx, s.Store, command, func(tx *registry.Tx) (*event.Event, error) {
		told, err := change(tx)
		if err != nil {
			return nil, err
		}
		e := eventing.New(told.typ, door.Source(name), strconv.FormatInt(told.id, 10), told.data)
		return &e, tx.Emit(e)
	})
	if err != nil {
		return nil, during(op, err)
	}
	return answer, nil
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

// target reads a command about an existing thing: its id and its data.
func target(e event.Event, data any) (int64, error) {
	id, err := eventing.ID(e)
	if err != nil {
		return 0, err
	}
	return id, eventing.Data(e, data)
}
