package functions

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/kubernetes"
)

// read reads and completes a configuration that says where Kafka is.
func read(env map[string]string) (Config, error) {
	c, err := ReadConfig(func(name string) string {
		if v, ok := env[name]; ok || name != "KAFKA_BROKERS" {
			return v
		}
		return "broker:9092"
	}, framework.Registry{{Kind: kerasmodel.Kind()}})
	if err != nil {
		return c, err
	}
	return c.complete()
}

func TestWhatIsLeftOutHasADefault(t *testing.T) {
	c, err := read(map[string]string{"KAFKAML_DATA": "/data"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Database != "sqlite:/data/registry.db" || c.Artifacts != "file:///data/artifacts" || c.ControlTopic != "KAFKA_ML_CONTROL_TOPIC" ||
		c.URL != "http://127.0.0.1:8080" || c.Sink != "http://127.0.0.1:8080/deploy-training/" || !strings.HasSuffix(c.Programs[kerasmodel.Name], "/kafkaml-tensorflow") {
		t.Errorf("%+v", c)
	}
	if env := c.childEnv(); !slices.Contains(env, "KAFKA_BROKERS=broker:9092") || !slices.Contains(env, "ARTIFACT_URL=file:///data/artifacts") {
		t.Errorf("a child is told %v", env)
	}
}

func TestAStepAloneReportsToItsSink(t *testing.T) {
	c, err := read(map[string]string{"FUNCTION": pipeline.StepControlLog, "PORT": "9000", "K_SINK": "http://sink"})
	if err != nil || c.Sink != "http://sink" || c.URL != "http://127.0.0.1:9000" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err = read(map[string]string{"FUNCTION": pipeline.StepModelRegister, "KAFKA_BROKERS": ""}); err != nil {
		t.Errorf("model-register needs no Kafka: %v", err)
	}
}

func TestAClusterIsRecognised(t *testing.T) {
	pod := map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KAFKAML_IMAGE": "i", "K_SERVICE": "deploy-training"}
	c, err := read(pod)
	if err != nil || c.Cluster == nil || c.Cluster.Images[kerasmodel.Name].Name != "i" || c.Cluster.Owner != "deploy-training" || c.Cluster.Pending != 10*time.Minute || c.childEnv() != nil {
		t.Errorf("%+v, %v", c, err)
	}
	pod["KAFKAML_TENSORFLOW_IMAGE"], pod["KAFKAML_TENSORFLOW_GPU_IMAGE"] = "own", "cuda"
	if c, err = read(pod); err != nil || c.Cluster.Images[kerasmodel.Name] != (kubernetes.Image{Name: "own", GPU: "cuda", Memory: "512Mi"}) {
		t.Errorf("%+v, %v", c, err)
	}
	pod["PLATFORM"] = "local"
	if c, err = read(pod); err != nil || c.Cluster != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAConfigurationIsRefusedByName(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"KAFKAML_TENANT":          {"KAFKAML_TENANT": "team.b", "CONTROL_TOPIC": "team.b.control"},
		"PLATFORM":                {"PLATFORM": "mainframe"},
		"KAFKAML_PENDING_SECONDS": {"PLATFORM": "kubernetes", "KAFKAML_PENDING_SECONDS": "soon"},
		"CONTROL_TOPIC":           {"CONTROL_TOPIC": "a b"},
		"K_CE_OVERRIDES":          {"K_CE_OVERRIDES": "{"},
		"KAFKA_BROKERS":           {"KAFKA_BROKERS": ""},
		"KAFKAML_ANONYMOUS":       {"LISTEN_ADDRESS": "[::]:8080"},
		"KAFKAML_FORWARDED":       {"KAFKAML_FORWARDED": "perhaps"},
	} {
		_, err := read(env)
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Field != name {
			t.Errorf("%v: %v, want an error about %s", env, err, name)
		}
	}
}

// A tenant's control topic is its own: without a word it would be everybody's.
func TestControlTopicOfATenant(t *testing.T) {
	for topic, ok := range map[string]bool{"": false, "KAFKA_ML_CONTROL_TOPIC": false, "a.control": false, "team-bb.control": false, "team-b.control": true} {
		c, err := read(map[string]string{"KAFKAML_TENANT": "team-b", "CONTROL_TOPIC": topic})
		var e *pipeline.Error
		if ok != (err == nil) || !ok && (!errors.As(err, &e) || e.Field != "CONTROL_TOPIC") {
			t.Errorf("%q: %+v, %v", topic, c.ControlTopic, err)
		}
	}
}

func TestEveryStepIsWired(t *testing.T) {
	for _, step := range pipeline.Steps {
		if wirings[step] == nil {
			t.Errorf("nothing wires %s", step)
		}
	}
}
