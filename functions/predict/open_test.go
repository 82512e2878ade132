package predict

import (
	"bytes"
	"encoding/json"
	"runtime"
	"testing"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// connections counts the pools of connections to Kafka that are open.
func connections() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("(*connPool).discover("))
}

// A process that cannot serve leaves no connection to Kafka behind.
func TestOpenFails(t *testing.T) {
	c := streamtest.Kafka(t)
	job := newJob(t, c, "small", 1)
	job.Artifact = "results/3"
	url := "file://" + t.TempDir()
	store, err := artifact.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutDir(t.Context(), job.Artifact+"/savedmodel.zip", tensorflowtest.Load(t, "small").SavedModel()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	misfit, missing := job, job
	misfit.InputConfig = json.RawMessage(`{"data_type": "float32", "data_reshape": "4"}`)
	missing.Artifact = "results/4"
	joined := missing
	joined.Delivery = pipeline.Direct
	for name, job := range map[string]pipeline.PredictJob{"a misfit": misfit, "no artifact": missing, "no artifact, joined meanwhile": joined} {
		t.Run(name, func(t *testing.T) {
			before := connections()
			_, _, err := open(t.Context(), Config{Job: job, Frameworks: framework.Frameworks{tensorflow.Framework{}}, Kafka: c.Config(), Artifacts: url, Log: logTo(t)})
			if err == nil {
				t.Fatal("the model was opened")
			}
			until(t, "the connections are closed", func() bool { return connections() <= before })
		})
	}
}
