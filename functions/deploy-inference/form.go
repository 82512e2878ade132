package deployinference

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// mostReplicas bounds the replicas of one inference where the operator says nothing.
const mostReplicas = 32

// over gives i with the members that a command gives. The number of replicas
// alone ends a range that was set before.
func over(e event.Event, i pipeline.Inference) (pipeline.Inference, error) {
	next := i
	if err := eventing.Apply[pipeline.InferenceForm](e, &next); err != nil {
		return i, err
	}
	var given struct {
		Replicas *int `json:"replicas"`
		Most     *int `json:"max_replicas"`
	}
	if err := json.Unmarshal(e.Data(), &given); err != nil {
		return i, eventing.ExplainJSON(err)
	}
	if given.Replicas != nil && given.Most == nil {
		next.MaxReplicas = max(1, *given.Replicas)
	}
	if next.DeadLetter == "" {
		next.DeadLetter = i.DeadLetter
	}
	return next, nil
}

// draft is an inference of s before anything is said about it. Its delivery
// follows from its input_config: see deliveryOf.
func draft(s subject) pipeline.Inference {
	i := pipeline.Inference{
		Result: s.result.ID, Replicas: 1, MaxReplicas: 1,
		InputFormat: s.stream.InputFormat, InputConfig: features.ForServing(s.stream.InputConfig),
	}
	return i
}

// check refuses an inference that could not be served, and gives the windows that
// it takes, if any.
func (d Deps) check(i *pipeline.Inference, of subject) (*features.Window, error) {
	if i.Delivery == "" {
		i.Delivery = deliveryOf(*i)
	}
	if err := d.checkNames(i); err != nil {
		return nil, err
	}
	if err := d.checkReplicas(i); err != nil {
		return nil, err
	}
	var err error
	if i.ServedBy, err = of.result.ServedBy(i.Engine, of.model.Framework); err != nil {
		return nil, err
	}
	if i.InputFormat == "" && of.result.Imported != nil {
		return nil, pipeline.Invalidf("input_format", "is missing: result %d was imported, so there is no training stream to take it from", i.Result).
			WithHint("say what the records are, such as JSON with a member for each input: %s", inputs(of.model.Inputs))
	}
	if i.InputFormat == "" {
		return nil, pipeline.Invalidf("input_format", "is missing, and the stream that the result was trained on is not known any more")
	}
	i.Warnings = of.result.Doubts()
	decoder, err := features.New(i.InputFormat, i.InputConfig, codec.Binding{Inputs: of.model.Inputs, Registry: d.Registry}, features.WithLearned(of.result.Learned()))
	if err != nil {
		return nil, err
	}
	i.Warnings = append(i.Warnings, unheld(of.result.ID, decoder)...)
	if unread := features.Unread(i.InputConfig); unread != "" {
		i.Warnings = append(i.Warnings, unread)
	}
	return decoder.Window(), checkDelivery(i, decoder.Window())
}

// unheld warns of records that a result is not able to refuse, though their values
// come to other places than in its training.
func unheld(result int64, d *features.Decoder) (warnings []string) {
	all := d.Unheld()
	for _, input := range slices.Sorted(maps.Keys(all)) {
		warnings = append(warnings, fmt.Sprintf("of result %d, it is not known how many values each of the fields %s brings to %q: a record in which one is longer and another shorter is predicted from values at other places. Train again on such records to have them refused, or give each field an input of its own",
			result, strings.Join(all[input], ", "), input))
	}
	return warnings
}

// inputs names inputs as a person reads them.
func inputs(all []pipeline.Tensor) string {
	texts := make([]string, len(all))
	for i, t := range all {
		texts[i] = fmt.Sprintf("%s (%s %v)", t.Name, t.DType, t.Shape)
	}
	return strings.Join(texts, ", ")
}

// checkNames refuses names of the Service and of topics.
func (d Deps) checkNames(i *pipeline.Inference) error {
	if i.DeadLetter == "" {
		i.DeadLetter = pipeline.DeadLetterTopic(i.InputTopic)
	}
	if i.Name != "" {
		if err := pipeline.ValidateServiceName("name", i.Name); err != nil {
			return err
		}
	}
	for _, t := range []struct{ field, topic string }{
		{"input_topic", i.InputTopic}, {"output_topic", i.OutputTopic}, {"dead_letter_topic", i.DeadLetter},
	} {
		if err := pipeline.ValidateTopic(t.field, t.topic); err != nil {
			return err
		}
		if t.topic == d.ControlTopic {
			return pipeline.Invalidf(t.field, "%q is the control topic: what is written there asks for trainings", t.topic).WithHint("use a topic of your own")
		}
	}
	switch {
	case i.OutputTopic == i.InputTopic:
		return pipeline.Invalidf("output_topic", "is the input topic: each prediction would be predicted again")
	case i.DeadLetter == i.InputTopic || i.DeadLetter == i.OutputTopic:
		return pipeline.Invalidf("dead_letter_topic", "must differ from input_topic and output_topic")
	}
	return nil
}

// mayUse is nil where whoever asks may use the topics of i.
func (s *Service) mayUse(ctx context.Context, i pipeline.Inference) error {
	who := identity.Of(ctx)
	err := s.MayRead.Allow(who, "input_topic", i.InputTopic)
	if err == nil {
		err = s.MayWrite.Allow(who, "output_topic", i.OutputTopic)
	}
	if err == nil {
		err = s.MayWrite.Allow(who, "dead_letter_topic", i.DeadLetter)
	}
	return err
}

func (d Deps) checkReplicas(i *pipeline.Inference) error {
	most := d.Replicas
	if most == 0 {
		most = mostReplicas
	}
	const hint = "whoever runs this installation may allow more by KAFKAML_MAX_REPLICAS"
	switch {
	case i.Replicas < 0 || i.Replicas > most:
		return pipeline.Invalidf("replicas", "%d is not from 0 to %d", i.Replicas, most).WithHint(hint)
	case i.MaxReplicas < max(1, i.Replicas) || i.MaxReplicas > most:
		return pipeline.Invalidf("max_replicas", "%d is not from %d to %d", i.MaxReplicas, max(1, i.Replicas), most).WithHint(hint)
	case i.Delivery != pipeline.Source && i.Delivery != pipeline.Direct:
		return pipeline.Invalidf("delivery", "%q is neither source nor direct", i.Delivery)
	case i.Delivery == pipeline.Direct && i.Replicas < 1:
		return pipeline.Invalidf("replicas", "must be at least 1 with direct delivery").
			WithHint("only the source delivery wakes an inference that has no replica")
	}
	return nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
