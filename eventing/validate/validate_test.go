package validate

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestEveryTypeHasASchemaThatCompiles(t *testing.T) {
	all, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range eventing.Types() {
		if !strings.HasPrefix(typ, "io.kafkaml.") || !strings.HasSuffix(typ, ".v1") || strings.Count(typ, ".") != 4 {
			t.Errorf("%s is not io.kafkaml.<thing>.<verb>.v1", typ)
		}
		if typ == eventing.PredictionMake {
			continue
		}
		if all[typ].schema == nil {
			t.Errorf("%s has no schema", typ)
		}
		if document, ok := Schema(typ); !ok || !json.Valid(document) {
			t.Errorf("%s has no document", typ)
		}
	}
}

func TestFaultsNameTheMember(t *testing.T) {
	for _, c := range []struct{ name, typ, data, field, reason string }{
		{"whole", eventing.ModelRegister, `{"name":"m","source":"s"}`, "", ""},
		{"no data is {}", eventing.DeploymentStop, ``, "", ""},
		{"missing", eventing.ModelRegister, `{"name":"m"}`, "source", "is missing"},
		{"unknown", eventing.ModelRegister, `{"name":"m","source":"s","sorce":"s"}`, "sorce", "is not a known member"},
		{"unknown, deeper", eventing.DeploymentCreate, `{"configuration":1,"batch_size":1,"resources":{"cpus":"1"}}`, "resources.cpus", "is not a known member"},
		{"wrong type", eventing.DeploymentCreate, `{"configuration":"1","batch_size":1}`, "configuration", "has type string, want integer"},
		{"too small", eventing.DeploymentCreate, `{"configuration":1,"batch_size":0}`, "batch_size", "must be at least 1"},
		{"not one of", eventing.InferenceDeploy, `{"result":1,"input_topic":"a","output_topic":"b","delivery":"turbo"}`, "delivery", "\"turbo\" is not one of source, direct"},
		{"arguments as text", eventing.DeploymentCreate, `{"configuration":1,"batch_size":1,"training_kwargs":"epochs=5"}`, "", ""},
		{"arguments as object", eventing.DeploymentCreate, `{"configuration":1,"batch_size":1,"training_kwargs":{"epochs":5}}`, "", ""},
		{"twice the same", eventing.ConfigurationCreate, `{"name":"c","models":[1,1]}`, "models", "names the same item twice"},
		{"none", eventing.ConfigurationCreate, `{"name":"c","models":[]}`, "models", "must have at least 1 items"},
		{"not an object", eventing.ModelDelete, `[]`, "data", "has type array, want object"},
		{"not JSON", eventing.ModelDelete, `{`, "data", "is not JSON: unexpected EOF"},
		{"free data", eventing.PredictionMake, "\x00\x01", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Data(c.typ, []byte(c.data))
			if c.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *pipeline.Error
			if !errors.As(err, &e) || e.KindOr() != pipeline.Invalid || e.Field != c.field || e.Message() != c.reason || e.Hint == "" && c.field != "data" {
				t.Errorf("got %v (%+v), want field %q: %s", err, e, c.field, c.reason)
			}
		})
	}
}

// The nouns as they are sent fit their schemas.
func TestNounsFitTheirSchemas(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		typ  string
		data any
	}{
		{eventing.ModelRegistered, pipeline.Model{ID: 1, Name: "m", Version: 1, Created: now, Export: pipeline.Export{Task: pipeline.Regression, Inputs: []pipeline.Tensor{}, Outputs: []pipeline.Tensor{}, Labels: []pipeline.Tensor{}, Layers: []pipeline.Layer{}, Metrics: []string{}}}},
		{eventing.ConfigurationCreated, pipeline.Configuration{ID: 1, Name: "c", Models: []int64{1}}},
		{eventing.DeploymentCreated, pipeline.Deployment{ID: 1, Configuration: 1, Engine: pipeline.Auto, Status: pipeline.DeploymentWaiting}},
		{eventing.ResultScheduled, pipeline.Result{ID: 1, Deployment: 1, Model: 1, Status: pipeline.ResultScheduled}},
		{eventing.TrainingProgressed, pipeline.Progress{Result: 1, Attempt: 1, Epochs: []pipeline.Epoch{{Epoch: 1, Training: pipeline.Metrics{"loss": 1}}}}},
		{eventing.TrainingFinished, pipeline.Outcome{Result: 1, Attempt: 1, Artifact: "a"}},
		{eventing.TrainingFailed, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "r"}},
		{eventing.DatasourceReceived, pipeline.Datasource{ID: 1, Deployment: 1, InputFormat: pipeline.RAW, Ranges: []pipeline.Range{{Topic: "t", Length: 1}}, Retention: pipeline.Retention{State: pipeline.Available}}},
		{eventing.InferenceDeployed, pipeline.Inference{ID: 1, Name: "i", Result: 1, Delivery: pipeline.Source, InputFormat: pipeline.RAW, Status: pipeline.InferenceDeploying}},
	} {
		t.Run(c.typ, func(t *testing.T) {
			if err := Event(eventing.New(c.typ, "/s", "1", c.data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDataThatJSONCannotWriteIsFound(t *testing.T) {
	if err := Event(eventing.New(eventing.TrainingProgressed, "/s", "1", map[string]float64{"loss": math.NaN()})); err == nil {
		t.Error("an event without its data is valid")
	}
}

func FuzzData(f *testing.F) {
	f.Add(uint8(3), []byte(`{"name":"m","source":"s"}`))
	f.Add(uint8(9), []byte(`{"configuration":1e400}`))
	types := eventing.Types()
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		err := Data(types[int(n)%len(types)], data)
		var e *pipeline.Error
		if err != nil && (!errors.As(err, &e) || e.KindOr() != pipeline.Invalid) {
			t.Errorf("%v is not an Invalid error", err)
		}
	})
}
