package controllog

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// create makes a datasource of records that lie in topics already, and sends its
// control message as a producer would have: the log stays the store.
func (s *Service) create(ctx context.Context, call *door.Call) error {
	var form pipeline.DatasourceForm
	if err := eventing.Apply[pipeline.DatasourceForm](call.Event, &form); err != nil {
		return err
	}
	message, err := messageOf(form)
	if err != nil {
		return err
	}
	if err := s.MayRead.Allow(identity.Of(ctx), "topic", topicsNamed(form.Topic+","+form.Unsupervised)...); err != nil {
		return err // before anything is said of the topics
	}
	d, err := control.Read(ctx, s.Cluster, nil, message, s.follows(ctx))
	if err != nil {
		return err
	}
	if u := d.Unsupervised; u != nil && u.Rejected != nil {
		return u.Rejected.Refusal()
	}
	if err := s.trainable(ctx, d); err != nil {
		return err
	}
	return s.sendAgain(ctx, call, d)
}

// messageOf is a form as the value of a control message. Topics without offsets
// and times are taken from the first record that is kept.
func messageOf(form pipeline.DatasourceForm) ([]byte, error) {
	if form.Since == "" && form.Until == "" && !namesOffsets(form.Topic) {
		form.Since = control.Earliest
	}
	if err := pipeline.CheckRates(form.ValidationRate, form.TestRate); err != nil {
		return nil, err
	}
	config := form.InputConfig
	if len(config) == 0 {
		config = json.RawMessage("{}")
	}
	return json.Marshal(map[string]any{
		"deployment_id": form.Deployment, "topic": form.Topic, "since": form.Since, "until": form.Until,
		"input_format": form.InputFormat, "input_config": config,
		"validation_rate": form.ValidationRate, "test_rate": form.TestRate,
		"unsupervised_topic": form.Unsupervised, "shuffle": form.Shuffle, "seed": form.Seed, "split": form.Split, "order": form.Order, "description": form.Description,
	})
}

// namesOffsets reports whether every topic is named with an offset.
func namesOffsets(topics string) bool {
	for entry := range strings.SplitSeq(topics, ",") {
		if strings.Count(entry, ":") < 2 {
			return false
		}
	}
	return true
}

// topicsNamed are the topics of a form's topic member.
func topicsNamed(member string) (topics []string) {
	for entry := range strings.SplitSeq(member, ",") {
		topic, _, _ := strings.Cut(strings.Trim(entry, " \t\r\n[]"), ":")
		if topic != "" {
			topics = append(topics, topic)
		}
	}
	return topics
}

// anySender stands for whoever wrote a control message: Kafka alone knows it.
var anySender = identity.Principal{ID: "control", Name: "a control message", Role: identity.Operator}

// mayRead is nil where who may read the topics of d.
func (s *Service) mayRead(who identity.Principal, d pipeline.Datasource) error {
	for _, topic := range d.Topics() {
		if err := s.MayRead.Allow(who, "topic", topic); err != nil {
			return err
		}
	}
	return nil
}

// trainable refuses a stream that its deployment would not train on: it is not
// there or was stopped, it has trained on it, or one of its models cannot read it.
func (s *Service) trainable(ctx context.Context, d pipeline.Datasource) error {
	exports, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (exports []pipeline.Export, err error) {
		if err := takes(tx, d); err != nil {
			return nil, err
		}
		page, err := tx.Results(registry.Query{By: map[string]int64{"deployment": d.Deployment}})
		if err != nil {
			return nil, err
		}
		for _, r := range page.Items {
			m, err := tx.ModelVersion(r.Model, r.ModelVersion)
			if err != nil {
				return nil, err
			}
			exports = append(exports, m.Export)
		}
		return exports, nil
	})
	if err != nil {
		return err
	}
	for _, e := range exports {
		if err := s.Suits(e, d); err != nil {
			return err
		}
	}
	return nil
}

// takes refuses a datasource that its deployment would train nothing on.
func takes(tx *registry.Tx, d pipeline.Datasource) error {
	dep, err := tx.Deployment(d.Deployment)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return pipeline.Invalidf("deployment", "there is no deployment %d", d.Deployment).WithHint("create the deployment first")
	}
	if err != nil {
		return err
	}
	d.ID = 0
	why, err := tx.Unused(d)
	switch {
	case err != nil:
		return err
	case why != nil:
		return &pipeline.Error{Kind: pipeline.Conflict, Field: why.Field, Reason: why.Reason, Hint: why.Hint}
	}
	return dep.TakesStream()
}
