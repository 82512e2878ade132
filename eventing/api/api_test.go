package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/schema"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// The document describes the members that a control message is written with.
func TestControlMessageHasTheMembersOfTheContract(t *testing.T) {
	_, value, err := control.Message{
		Deployment: 1, Ranges: []pipeline.Range{{Topic: "t", Length: 1}}, InputFormat: pipeline.RAW, Order: pipeline.OrderPartition,
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var written map[string]any
	if err := json.Unmarshal(value, &written); err != nil {
		t.Fatal(err)
	}
	described := (&schema.Set{}).Answer(api.ControlMessage{}, nil).Properties
	if diff := cmp.Diff(slices.Sorted(maps.Keys(written)), slices.Sorted(maps.Keys(described))); diff != "" {
		t.Errorf("members (-written +described):\n%s", diff)
	}
}

// The address of the control topic is that of the contract.
func TestControlTopicIsNamedAsInTheContract(t *testing.T) {
	var document struct {
		Channels map[string]struct{ Address string }
	}
	p := api.Part{Name: "f", Flows: []api.Flow{{Topic: api.ControlTopic}}}
	if err := json.Unmarshal(api.AsyncAPI(p), &document); err != nil {
		t.Fatal(err)
	}
	if got := document.Channels[string(api.ControlTopic)].Address; got != control.Topic {
		t.Errorf("the control topic is %q, want %q", got, control.Topic)
	}
}

// A function whose event door takes batches says so itself.
func TestBatchesAreInTheDocumentOfWhoTakesThem(t *testing.T) {
	const about = "some records"
	for _, p := range []api.Part{
		api.Predict(""),
		{Name: "f", Takes: []string{eventing.KafkaRecord}, Batch: about},
		{Name: pipeline.StepPredict, Takes: []string{eventing.KafkaRecord}},
	} {
		var document struct {
			Paths map[string]map[string]struct {
				RequestBody struct {
					Content map[string]struct{ Schema struct{ Description string } }
				}
			}
		}
		if err := json.Unmarshal(api.OpenAPI(p), &document); err != nil {
			t.Fatal(err)
		}
		got, said := document.Paths["/"]["post"].RequestBody.Content[eventing.BatchType]
		if said != (p.Batch != "") || got.Schema.Description != p.Batch {
			t.Errorf("%s, which says %q of batches: %q", p.Name, p.Batch, got.Schema.Description)
		}
	}
}
