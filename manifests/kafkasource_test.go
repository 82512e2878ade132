package manifests_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/kafkaml/kafkaml/eventing"
)

// kafkaSource is the schema of KafkaSource in the CRD that the test cluster gets.
func kafkaSource(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "test", "cluster", "yaml", "kafkasource.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n---\n"))
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(first, &crd); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("kafkasource.json", crd.Spec.Versions[0].Schema.OpenAPIV3Schema); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("kafkasource.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func fits(schema *jsonschema.Schema, manifest string) error {
	text, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// The KafkaSources of the overlays fit the schema of their kind, and hold no
// member that it does not have.
func TestKafkaSourcesFitTheSchema(t *testing.T) {
	schema := kafkaSource(t)
	for _, overlay := range overlays {
		text, err := os.ReadFile(filepath.Join("testdata", overlay+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for part := range strings.SplitSeq(string(text), "\n---\n") {
			if !strings.Contains(part, "\nkind: KafkaSource\n") {
				continue
			}
			found++
			if err := fits(schema, part); err != nil {
				t.Errorf("%s: %v", overlay, err)
			}
			if _, err := eventing.ParseKafkaSource([]byte(part)); err != nil { // strictly
				t.Errorf("%s: %v", overlay, err)
			}
		}
		if found != 1 {
			t.Errorf("%s has %d KafkaSources", overlay, found)
		}
	}
}

// The schema refuses what a cluster would.
func TestSchemaOfKafkaSource(t *testing.T) {
	schema := kafkaSource(t)
	good := eventing.KafkaSource{Spec: eventing.KafkaSourceSpec{
		BootstrapServers: []string{"b:9092"}, Topics: []string{"t"}, Sink: eventing.Destination{URI: "http://sink"},
		Delivery: &eventing.Delivery{BackoffPolicy: eventing.Linear, BackoffDelay: "PT0.5S"},
	}}
	for name, change := range map[string]func(*eventing.KafkaSourceSpec){
		"":             func(*eventing.KafkaSourceSpec) {},
		"no broker":    func(s *eventing.KafkaSourceSpec) { s.BootstrapServers = nil },
		"no topic":     func(s *eventing.KafkaSourceSpec) { s.Topics = []string{} },
		"a policy":     func(s *eventing.KafkaSourceSpec) { s.Delivery = &eventing.Delivery{BackoffPolicy: "random"} },
		"a delay":      func(s *eventing.KafkaSourceSpec) { s.Delivery = &eventing.Delivery{BackoffDelay: "500ms"} },
		"an order":     func(s *eventing.KafkaSourceSpec) { s.Ordering = "any" },
		"an offset":    func(s *eventing.KafkaSourceSpec) { s.InitialOffset = "first" },
		"fewer than 0": func(s *eventing.KafkaSourceSpec) { s.Consumers = new(int32(-1)) },
		"a dead letter sink without a name": func(s *eventing.KafkaSourceSpec) {
			s.Delivery = &eventing.Delivery{DeadLetterSink: &eventing.Destination{Ref: &eventing.Reference{}}}
		},
	} {
		s := good
		change(&s.Spec)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var spec map[string]any
		if err := json.Unmarshal(text, &spec); err != nil {
			t.Fatal(err)
		}
		if ref, ok := spec["spec"].(map[string]any)["delivery"].(map[string]any)["deadLetterSink"].(map[string]any); ok {
			delete(ref["ref"].(map[string]any), "name")
			text, _ = json.Marshal(spec)
		}
		if err := fits(schema, string(text)); (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
