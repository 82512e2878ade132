package door

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Command carries out one command. It ends in one Call.Commit; what takes long
// comes before that, what may come late after it.
//
// A *pipeline.Error of kind Invalid, NotFound, Conflict or InUse refuses the
// command: the door answers with a .rejected event, and will do so again for
// the same command. Any other error is to be tried again, and so is one
// that comes after the commit: the repetition then gets the stored answer.
type Command func(ctx context.Context, c *Call) error

// Call is a command under way.
type Call struct {
	Event event.Event

	asked     asked
	store     *registry.Store
	reply     *event.Event
	committed bool
}

// Commit runs change in one transaction together with storing the event that
// it gives, nil for none, as the answer to the command: both or neither. So
// the same source and id is one effect and one answer, whatever number of
// processes get it and whenever they crash. Where another one was faster,
// change does not run and its answer stands. change may run again after a
// conflict, so it must have no effect but on tx.
func (c *Call) Commit(ctx context.Context, change func(tx *registry.Tx) (*event.Event, error)) error {
	reply, err := once(ctx, c.store, c.asked, change)
	if err != nil {
		return err
	}
	c.reply, c.committed = reply, true
	return nil
}

// once runs change, and stores its answer, where a command has none yet.
func once(ctx context.Context, store *registry.Store, a asked, change func(tx *registry.Tx) (*event.Event, error)) (reply *event.Event, err error) {
	err = store.Do(ctx, func(tx *registry.Tx) error {
		stored, err := answerTo(tx, a)
		if reply = stored.event; err != nil || stored.found {
			return err
		}
		if reply, err = change(tx); err != nil {
			return err
		}
		body := []byte("null")
		if reply != nil {
			if body, err = eventing.Structured(*reply); err != nil {
				return fmt.Errorf("write the answer: %w", err)
			}
		}
		if err := tx.AnswerCommand(a.key, registry.Answered{Digest: a.digest, Answer: body}); err != nil {
			return err
		}
		return tx.Audit(answered(a.line, reply))
	})
	if err != nil {
		return nil, err
	}
	return reply, nil
}

// Publish stores the fact of typ about a thing of function, to be published
// with the changes of tx. The fact also serves as the answer to a command.
func Publish(tx *registry.Tx, function, typ string, id int64, data any) (*event.Event, error) {
	e := eventing.New(typ, Source(function), strconv.FormatInt(id, 10), data)
	return &e, tx.Emit(e)
}

// Source is the source attribute of the events of a function.
func Source(function string) string { return "/kafkaml/" + function }

// Target is the id of the existing thing that a command is about, where it says
// no more.
func Target(e event.Event) (id int64, err error) {
	if id, err = eventing.ID(e); err != nil {
		return 0, err
	}
	return id, eventing.Data(e, &eventing.Subject{})
}

// during names the operation of a command in its error.
func during(e event.Event, err error) error {
	op := eventing.Operation(e.Type())
	var known *pipeline.Error
	if !errors.As(err, &known) {
		return fmt.Errorf("%s: %w", op, err)
	}
	named := *known
	named.Op, named.Reason, named.Err = op, known.Message(), err
	return &named
}

// keyed lets one command of each key run at a time in this process;
// the registry does so between processes.
type keyed struct {
	mu   sync.Mutex
	held map[registry.CommandKey]chan struct{}
}

// lock waits until key is free or ctx ends; unlock frees it.
func (k *keyed) lock(ctx context.Context, key registry.CommandKey) (unlock func(), err error) {
	for {
		k.mu.Lock()
		busy, ok := k.held[key]
		if !ok {
			mine := make(chan struct{})
			if k.held == nil {
				k.held = map[registry.CommandKey]chan struct{}{}
			}
			k.held[key] = mine
			k.mu.Unlock()
			return func() {
				k.mu.Lock()
				delete(k.held, key)
				k.mu.Unlock()
				close(mine)
			}, nil
		}
		k.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
