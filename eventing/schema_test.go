package eventing

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestEveryTypeHasASchemaThatCompiles(t *testing.T) {
	all, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range Types() {
		if !strings.HasPrefix(typ, "io.kafkaml.") || !strings.HasSuffix(typ, ".v1") || strings.Count(typ, ".") != 4 {
			t.Errorf("%s is not io.kafkaml.<thing>.<verb>.v1", typ)
		}
		if typ == PredictionMake {
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

func TestValidateNamesTheMember(t *testing.T) {
	for _, c := range []struct{ name, typ, data, field, reason string }{
		{"whole", ModelRegister, `{"name":"m","source":"s"}`, "", ""},
		{"no data is {}", DeploymentStop, ``, "", ""},
		{"missing", ModelRegister, `{"name":"m"}`, "source", "is missing"},
		{"unknown", ModelRegister, `{"name":"m","source":"s","sorce":"s"}`, "sorce", "is not a known member"},
		{"unknown, deeper", DeploymentCreate, `{"configuration":1,"batch_size":1,"resources":{"cpus":"1"}}`, "resources.cpus", "is not a known member"},
		{"wrong type", DeploymentCreate, `{"configuration":"1","batch_size":1}`, "configuration", "has type string, want integer"},
		{"too small", DeploymentCreate, `{"configuration":1,"batch_size":0}`, "batch_size", "must be at least 1"},
		{"not one of", InferenceDeploy, `{"result":1,"input_topic":"a","output_topic":"b","delivery":"turbo"}`, "delivery", "turbo is not one of [source direct]"},
		{"arguments as text", DeploymentCreate, `{"configuration":1,"batch_size":1,"training_kwargs":"epochs=5"}`, "", ""},
		{"arguments as object", DeploymentCreate, `{"configuration":1,"batch_size":1,"training_kwargs":{"epochs":5}}`, "", ""},
		{"twice the same", ConfigurationCreate, `{"name":"c","models":[1,1]}`, "models", "names the same item twice"},
		{"none", ConfigurationCreate, `{"name":"c","models":[]}`, "models", "must have at least 1 items"},
		{"not an object", ModelDelete, `[]`, "data", "has type array, want object"},
		{"not JSON", ModelDelete, `{`, "data", "is not JSON: unexpected EOF"},
		{"free data", PredictionMake, "\x00\x01", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := ValidateData(c.typ, []byte(c.data))
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
		{ModelRegistered, pipeline.Model{ID: 1, Name: "m", Version: 1, Created: now, Export: pipeline.Export{Task: pipeline.Regression, Inputs: []pipeline.Tensor{}, Outputs: []pipeline.Tensor{}, Labels: []pipeline.Tensor{}, Layers: []pipeline.Layer{}, Metrics: []string{}}}},
		{ConfigurationCreated, pipeline.Configuration{ID: 1, Name: "c", Models: []int64{1}}},
		{DeploymentCreated, pipeline.Deployment{ID: 1, Configuration: 1, Engine: pipeline.Auto, Status: pipeline.DeploymentWaiting}},
		{ResultScheduled, pipeline.Result{ID: 1, Deployment: 1, Model: 1, Status: pipeline.ResultScheduled}},
		{TrainingProgressed, pipeline.Progress{Result: 1, Attempt: 1, Epochs: []pipeline.Epoch{{Epoch: 1, Training: pipeline.Metrics{"loss": 1}}}}},
		{TrainingFinished, pipeline.Outcome{Result: 1, Attempt: 1, Artifact: "a"}},
		{TrainingFailed, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "r"}},
		{DatasourceReceived, pipeline.Datasource{ID: 1, Deployment: 1, InputFormat: pipeline.RAW, Ranges: []pipeline.Range{{Topic: "t", Length: 1}}, Retention: pipeline.Retention{State: pipeline.Available}}},
		{InferenceDeployed, pipeline.Inference{ID: 1, Name: "i", Result: 1, Delivery: pipeline.Source, InputFormat: pipeline.RAW, Status: pipeline.InferenceDeploying}},
	} {
		t.Run(c.typ, func(t *testing.T) {
			if err := Validate(New(c.typ, "/s", "1", c.data)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDataThatJSONCannotWriteIsFound(t *testing.T) {
	if err := Validate(New(TrainingProgressed, "/s", "1", map[string]float64{"loss": math.NaN()})); err == nil {
		t.Error("an event without its data is valid")
	}
}

func TestID(t *testing.T) {
	for _, c := range []struct {
		name, subject, data string
		want                int64
	}{
		{"subject", "7", ``, 7},
		{"data", "", `{"id":7}`, 7},
		{"both", "7", `{"id":7}`, 7},
		{"they differ", "7", `{"id":8}`, 0},
		{"none", "", `{}`, 0},
		{"words", "x", ``, 0},
		{"zero", "0", ``, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data any
			if c.data != "" {
				data = json.RawMessage(c.data)
			}
			got, err := ID(New(ModelDelete, "/s", c.subject, data))
			if got != c.want || (err == nil) != (c.want != 0) {
				t.Errorf("%d, %v", got, err)
			}
		})
	}
}

func TestDataIsStrict(t *testing.T) {
	var v struct {
		A int `json:"a"`
	}
	for _, c := range []struct{ name, data, field string }{
		{"unknown member", `{"b":1}`, "b"}, {"wrong type", `{"a":"x"}`, "a"}, {"cut off", `{"a":`, "data"}, {"two values", `{} {}`, "data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := New(ModelDelete, "/s", "1", nil)
			e.DataEncoded = []byte(c.data)
			var pe *pipeline.Error
			if err := Data(e, &v); !errors.As(err, &pe) || pe.Field != c.field {
				t.Errorf("%v, want field %s", err, c.field)
			}
		})
	}
}

func FuzzValidateData(f *testing.F) {
	f.Add(uint8(3), []byte(`{"name":"m","source":"s"}`))
	f.Add(uint8(9), []byte(`{"configuration":1e400}`))
	types := Types()
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		err := ValidateData(types[int(n)%len(types)], data)
		var e *pipeline.Error
		if err != nil && (!errors.As(err, &e) || e.KindOr() != pipeline.Invalid) {
			t.Errorf("%v is not an Invalid error", err)
		}
	})
}

// A command's members are written over a resource: those that are left out stay,
// those that a person may not give are refused, nothing of the old value is
// mixed in.
func TestApply(t *testing.T) {
	old := pipeline.Configuration{ID: 3, Name: "a", Description: "d", Models: []int64{1, 2}, UsedBy: []int64{9}}
	for _, c := range []struct {
		name, data, field string
		want              pipeline.Configuration
	}{
		{"nothing", ``, "", old},
		{"one member", `{"name":"b"}`, "", pipeline.Configuration{ID: 3, Name: "b", Description: "d", Models: []int64{1, 2}, UsedBy: []int64{9}}},
		{"emptied", `{"description":""}`, "", pipeline.Configuration{ID: 3, Name: "a", Models: []int64{1, 2}, UsedBy: []int64{9}}},
		{"null stays", `{"name":null}`, "", old},
		{"the id is passed over", `{"id":8}`, "", old},
		{"fewer", `{"models":[5]}`, "", pipeline.Configuration{ID: 3, Name: "a", Description: "d", Models: []int64{5}, UsedBy: []int64{9}}},
		{"read only", `{"used_by":[1]}`, "used_by", old},
		{"of another type", `{"name":1}`, "name", old},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := New(ConfigurationUpdate, "/s", "3", nil)
			e.DataEncoded = []byte(c.data)
			got := old
			err := Apply[pipeline.ConfigurationForm](e, &got)
			var pe *pipeline.Error
			if c.field != "" && (!errors.As(err, &pe) || pe.Field != c.field) || c.field == "" && err != nil {
				t.Errorf("%v, want field %q", err, c.field)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if old.Models[0] != 1 {
				t.Error("the old resource was written over")
			}
		})
	}
}
