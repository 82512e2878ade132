package deployinference

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// settle sets which result an inference serves, by what a command says: the one
// of the alias that it names, or one by its number, which then stays.
func settle(tx *registry.Tx, asked event.Event, i *pipeline.Inference) error {
	var given struct {
		Result  *int64  `json:"result"`
		Follows *string `json:"follows"`
	}
	if err := json.Unmarshal(asked.Data(), &given); err != nil {
		return eventing.ExplainJSON(err)
	}
	if given.Result != nil && given.Follows == nil {
		i.Follows = ""
	}
	if i.Follows != "" && given.Follows != nil {
		var err error
		i.Result, _, err = tx.Aliased("follows", i.Follows)
		return err
	}
	if i.Result == 0 {
		return pipeline.Invalidf("result", "is missing").WithHint("give a finished result, or follows: MODEL@ALIAS")
	}
	return nil
}

// serving gives an inference that serves another result from now on, checked as
// an update is.
func (d Deps) serving(tx *registry.Tx, i pipeline.Inference, result int64) (p proposal, err error) {
	p.Inference, p.Unfit = i, ""
	if result != i.Result {
		p.Result, p.Previous, p.Shares = result, i.Result, shift(i.Shares, result)
	}
	if p.of, err = subjectOf(tx, result); err != nil {
		return p, err
	}
	p.Name = "" // checked when it was made, perhaps by other rules
	p.window, err = d.check(&p.Inference, p.of)
	p.Name = i.Name
	if err == nil {
		err = suits(&p.Inference, p.of, p.window, i.Partitions)
	}
	if err == nil {
		err = d.challenge(tx, &p)
	}
	return p, err
}

// strayed reports whether the alias that an inference follows names another result
// than it serves, and not one that it was found unfit for.
func strayed(tx *registry.Tx, i pipeline.Inference) (bool, error) {
	if i.Follows == "" {
		return false, nil
	}
	result, _, err := tx.Aliased("follows", i.Follows)
	if result == i.Result {
		return i.Unfit != "", err
	}
	return !strings.HasPrefix(i.Unfit, unfit(result)), err
}

// unfit begins Inference.Unfit.
func unfit(result int64) string { return fmt.Sprintf("result %d cannot take the place: ", result) }

// follow lets an inference serve the result that its alias names now. One that
// cannot be served in place of the present one is not: the inference says so and
// goes on.
func (r *reconciler) follow(ctx context.Context, id int64) error {
	return r.Store.Do(ctx, func(tx *registry.Tx) error {
		i, err := tx.Inference(id)
		if err != nil || i.Follows == "" {
			return err
		}
		result, _, err := tx.Aliased("follows", i.Follows)
		if err != nil {
			return err
		}
		p, err := r.serving(tx, i, result)
		fact := eventing.InferenceUpdated
		switch pipeline.KindOf(err) {
		case "":
		case pipeline.Invalid, pipeline.Conflict:
			p.Inference, fact = i, eventing.InferenceChanged
			p.Unfit = unfit(result) + err.Error()
		default:
			return err
		}
		if err := tx.UpdateInference(&p.Inference); err != nil {
			return err
		}
		_, err = publish(tx, fact, p.Inference)
		return err
	})
}

// rollBack serves the result again that an inference served before. Where it
// follows an alias, that is moved back, and all that follow it go along.
func (s *Service) rollBack(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		i, err := tx.Inference(id)
		if err != nil {
			return nil, err
		}
		result := i.Previous
		if i.Follows != "" {
			if result, err = moveBack(tx, i.Follows); err != nil {
				return nil, err
			}
		}
		if result == 0 {
			return nil, &pipeline.Error{Kind: pipeline.Conflict, Field: "previous", Reason: fmt.Sprintf("inference %d served no other result before", id), Hint: "choose one: inferences update --result"}
		}
		p, err := s.serving(tx, i, result)
		if err != nil {
			return nil, err
		}
		if err := tx.UpdateInference(&p.Inference); err != nil {
			return nil, err
		}
		return publish(tx, eventing.InferenceUpdated, p.Inference)
	})
	s.reconciler.trigger()
	return err
}

// moveBack gives an alias to the result that had it before, and gives that.
func moveBack(tx *registry.Tx, alias string) (int64, error) {
	changed, err := tx.RollBackAlias(alias)
	if err != nil {
		return 0, err
	}
	for _, r := range changed {
		if _, err := door.Publish(tx, pipeline.StepDeployInference, eventing.ResultAliased, r.ID, r); err != nil {
			return 0, err
		}
	}
	return changed[0].ID, nil
}
