package deployinference

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A replica is told the engine that the inference is served by; a row of an
// earlier version has none, and means the model's own.
func TestServiceOfAnInference(t *testing.T) {
	sub := subject{model: pipeline.Model{Framework: "tensorflow"}}
	for by, want := range map[string]string{"onnx": "onnx", "tensorflow": "tensorflow", "": "tensorflow"} {
		if got := (Deps{}).service(pipeline.Inference{ServedBy: by}, sub).Spec.Framework; got != want {
			t.Errorf("served by %q: %q", by, got)
		}
	}
}

// The KafkaSource of an inference fits the schema of its kind, gives no record up
// while a replica or a topic comes back, and holds a partition up no longer than
// half an hour.
func TestSourceOfAnInference(t *testing.T) {
	s := Deps{Namespace: "kafkaml", Brokers: []string{"b:9092"}, ServiceName: pipeline.ServiceName, Audience: "events"}.source(pipeline.Inference{ID: 3, Name: "digits", InputTopic: "in", Partitions: 4})
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "test", "cluster", "yaml", "kafkasource.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n---\n"))
	var crd struct {
		Spec struct {
			Versions []struct{ Schema struct{ OpenAPIV3Schema any } }
		}
	}
	if err := yaml.Unmarshal(first, &crd); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("kafkasource.json", crd.Spec.Versions[0].Schema.OpenAPIV3Schema); err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile("kafkasource.json").Validate(value); err != nil {
		t.Error(err)
	}
	if s.Metadata.Name != "inference-digits" || s.Spec.Sink.Ref.Name != s.Metadata.Name || s.Spec.Sink.Audience != "events" || s.Metadata.Labels[pipeline.InferenceLabel] != "3" {
		t.Errorf("%+v to %+v", s.Metadata, s.Spec.Sink)
	}
	d := s.Spec.Delivery
	if d.BackoffPolicy != eventing.Exponential || d.BackoffDelay != "PT0.1S" || d.DeadLetterSink == nil || *d.DeadLetterSink != s.Spec.Sink {
		t.Fatalf("%+v", d)
	}
	held := 100 * time.Millisecond * time.Duration(2<<*d.Retry-2)
	if held < 10*time.Minute || 2*held > 30*time.Minute {
		t.Errorf("a record that is not taken is tried for %v, and again as a dead letter", held)
	}
}
