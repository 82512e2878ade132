package modelregister

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// counting is a worker that counts its conversions.
type counting struct {
	framework.Builder
	conversions atomic.Int64
}

func (c *counting) Convert(ctx context.Context, what framework.Conversion, path string) (framework.Converted, error) {
	c.conversions.Add(1)
	return c.Builder.(framework.Converter).Convert(ctx, what, path)
}

// trained gives a result of a new model, whose trained SavedModel is the one that
// was exported.
func (r *rig) trained(t *testing.T) pipeline.Result {
	t.Helper()
	r.want(t, http.StatusCreated, http.MethodPost, "/models", form("small", small))
	var result pipeline.Result
	var m pipeline.Model
	err := r.Store.Do(t.Context(), func(tx *registry.Tx) (err error) {
		if m, err = tx.Model(1); err != nil {
			return err
		}
		c := pipeline.Configuration{Name: "c", Models: []int64{m.ID}}
		if err := tx.CreateConfiguration(&c); err != nil {
			return err
		}
		d := pipeline.Deployment{Configuration: c.ID, BatchSize: 1}
		if err := tx.CreateDeployment(&d); err != nil {
			return err
		}
		result = pipeline.Result{Deployment: d.ID, Configuration: c.ID, Model: m.ID, ModelName: m.Name, ModelVersion: m.Version, Attempt: 1}
		return tx.CreateResult(&result)
	})
	if err != nil {
		t.Fatal(err)
	}
	result.Artifact = pipeline.ResultArtifact(result.ID, 1)
	graph, _, err := r.Artifacts.Get(t.Context(), m.Artifact+"/model.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = graph.Close() }()
	if err := r.Artifacts.Put(t.Context(), result.Artifact+"/savedmodel.zip", graph); err != nil {
		t.Fatal(err)
	}
	return result
}

// become takes a result through states.
func (r *rig) become(t *testing.T, result *pipeline.Result, states ...pipeline.ResultStatus) {
	t.Helper()
	err := r.Store.Do(t.Context(), func(tx *registry.Tx) error {
		for _, s := range states {
			result.Status = s
			if err := tx.UpdateResult(result); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// kept is a format of result 1.
func (r *rig) kept(t *testing.T, name string, q pipeline.Quantize) pipeline.ModelFormat {
	t.Helper()
	result, err := registry.Read(t.Context(), r.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(1) })
	if err != nil {
		t.Fatal(err)
	}
	f, _ := result.Format(pipeline.FormatKey{Name: name, Quantize: q})
	return f
}

func TestConversions(t *testing.T) {
	r := newRig(t)
	worker := &counting{Builder: r.Builders[kerasmodel.Name]}
	r.Builders[kerasmodel.Name] = worker
	result := r.trained(t)
	convert := func(t *testing.T, status int, body map[string]any, says string) {
		t.Helper()
		if got := fmt.Sprint(r.want(t, status, http.MethodPost, "/results/1/convert", body)); !strings.Contains(got, says) {
			t.Errorf("%s does not say %q", got, says)
		}
	}
	float := map[string]any{"format": "tflite"}
	convert(t, http.StatusConflict, float, "result 1 is waiting")
	r.become(t, &result, pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished)
	convert(t, http.StatusUnprocessableEntity, map[string]any{"format": "tflite", "samples": 5}, "only int8")
	convert(t, http.StatusUnprocessableEntity, map[string]any{"format": "coreml"}, "format")
	convert(t, http.StatusUnprocessableEntity, map[string]any{"format": "tflite", "quantize": "int4"}, "quantize")
	convert(t, http.StatusUnprocessableEntity, map[string]any{"format": "tflite", "quantize": "int8", "samples": 10001}, "10000")
	convert(t, http.StatusConflict, map[string]any{"format": "tflite", "quantize": "int8"}, "take float16")
	r.want(t, http.StatusNotFound, http.MethodPost, "/results/7/convert", float)
	if n := worker.conversions.Load(); n != 0 {
		t.Fatalf("%d conversions of what is refused", n)
	}

	// What a process that died in the middle may have left.
	if err := r.Artifacts.Put(t.Context(), result.Artifact+"/model.tflite", strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	var both errgroup.Group
	for range 2 {
		both.Go(func() error {
			status, answer := r.call(t, http.MethodPost, "/results/1/convert", float)
			if status != http.StatusOK {
				return fmt.Errorf("status %d: %v", status, answer)
			}
			return nil
		})
	}
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := worker.conversions.Load(); n != 1 {
		t.Errorf("%d conversions for two who ask for the same", n)
	}
	content, size, err := r.Artifacts.Get(t.Context(), result.Artifact+"/model.tflite")
	if err != nil {
		t.Fatal(err)
	}
	_ = content.Close() // it was only looked at
	made, inC := r.kept(t, pipeline.TFLite, ""), r.kept(t, pipeline.TFLiteC, "")
	if made.Size != size || size < 100 || len(made.Inputs) != 1 || inC.Size <= 6*size {
		t.Errorf("%d bytes are noted as %+v and %+v", size, made, inC)
	}
	if saved := r.kept(t, "savedmodel", ""); saved.Size == 0 {
		t.Errorf("the other formats are not listed: %+v", saved)
	}
}
