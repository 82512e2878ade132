package deployinference_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestWindowsAreServed: windows go by direct, unless asked otherwise, and only from
// a topic whose partitions can make those that the result was trained on.
func TestWindowsAreServed(t *testing.T) {
	r := newRigOf(t, []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{4}}}, pipeline.RAW, `{"data_type":"uint8","window":{"by":"key","size":4}}`)
	for topic, config := range map[string]map[string]string{"several": nil, "compacted": {"cleanup.policy": "compact"}} {
		if err := r.cluster.CreateTopic(t.Context(), topic, 3, config); err != nil {
			t.Fatal(err)
		}
	}
	whole := members{"data_type": "uint8", "window": members{"size": 4}}
	byField := members{"inputs": "v", "window": members{"by": "device", "size": 4}}
	spread := func(keys int64) {
		err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
			res, err := tx.Result(r.result)
			if err != nil {
				return err
			}
			res.Split = &pipeline.SplitAudit{Windows: &pipeline.Windows{Size: 4, Spread: keys}}
			return tx.UpdateResult(&res)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		spread  int64
		changes members
		status  int
		field   string // of a refusal
		says    string // of that, or a warning
	}{
		{"as suggested", 0, nil, 201, "", ""},
		{"by source", 0, members{"delivery": "source"}, 422, "delivery", "does not know the records before it"},
		{"a model that takes more", 0, members{"input_config": members{"data_type": "uint8", "window": members{"by": "key", "size": 5}}}, 422, "input_config.window.size", "5 records"},
		{"without a replica", 0, members{"replicas": 0, "max_replicas": 1}, 422, "replicas", "direct"},
		{"by key, of several partitions", 0, members{"input_topic": "several"}, 201, "", ""},
		{"all records, of several partitions", 0, members{"input_topic": "several", "input_config": whole}, 422, "input_topic", "has 3 partitions"},
		{"all records, of partitions to come", 0, members{"input_topic": "new", "max_replicas": 2, "input_config": whole}, 422, "input_topic", "has 2 partitions"},
		{"all records, of one", 0, members{"input_config": whole}, 201, "", ""},
		{"by a field, of several partitions", 0, members{"input_topic": "several", "input_format": "JSON", "input_config": byField}, 201, "", "Give the records that value as their key"},
		{"by a field, of one", 0, members{"input_format": "JSON", "input_config": byField}, 201, "", ""},
		{"trained over partitions", 7, members{"input_topic": "several"}, 422, "input_topic", "records of 7 keys lay in several"},
		{"trained over partitions, of one", 7, nil, 201, "", ""},
		{"a compacted topic", 0, members{"input_topic": "compacted"}, 422, "input_topic", "is compacted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spread(c.spread)
			form := members{"result": r.result, "input_topic": "in", "output_topic": "out"}
			for k, v := range c.changes {
				form[k] = v
			}
			status, body := r.call(t, "POST", "/inferences", form)
			var got struct {
				Delivery            pipeline.Delivery
				Warnings            []string
				Field, Detail, Hint string
			}
			if err := json.Unmarshal(body, &got); err != nil || status != c.status || got.Field != c.field {
				t.Fatalf("%d %s; want %d, field %q", status, body, c.status, c.field)
			}
			switch {
			case status == 201 && (got.Delivery != pipeline.Direct || strings.Join(got.Warnings, "") == "" != (c.says == "") || !strings.Contains(strings.Join(got.Warnings, ""), c.says)):
				t.Errorf("delivery %s, warnings %q", got.Delivery, got.Warnings)
			case status != 201 && (!strings.Contains(got.Detail, c.says) || got.Hint == ""):
				t.Errorf("%s", body)
			}
			if status == 201 {
				return
			}
			if c.field == "input_topic" { // nothing was made of it
				if _, err := r.cluster.Partitions(t.Context(), "new"); pipeline.KindOf(err) != pipeline.NotFound || err == nil {
					t.Errorf("the topic is there: %v", err)
				}
			}
		})
	}
	status, body := r.call(t, "GET", "/inferences/suggest?result=1", nil)
	var form pipeline.InferenceForm
	if err := json.Unmarshal(body, &form); err != nil || status != 200 || form.Delivery != pipeline.Direct {
		t.Errorf("suggested: %d %s", status, body)
	}
}
