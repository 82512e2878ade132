package eventing

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

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
