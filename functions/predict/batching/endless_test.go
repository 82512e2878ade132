package batching

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A record whose prediction would never end is found like any other at fault,
// and those beside it are predicted.
func TestRowWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, onnxmodel.Model.Path), onnxtest.Endless().Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	x := []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{3}}}
	y := []pipeline.Tensor{{Name: "y", DType: "float32", Shape: []int{3}}}
	p, err := onnx.Framework{}.OpenPredictor(framework.PredictorOptions{
		Dir: dir, Export: pipeline.Export{Inputs: x, Outputs: y}, Deadline: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	batch, err := p.NewBatch([]codec.Tensor{{Name: "x", DType: codec.Float32, Shape: []int{3}}})
	if err != nil {
		t.Fatal(err)
	}
	clear(batch.Next()[0])
	row := batch.Next()[0]
	clear(row)
	binary.LittleEndian.PutUint32(row, math.Float32bits(1)) // which the model doubles without end
	var predicted, refused []int
	Predict(t.Context(), batch, 0, batch.Len(), func(_ []framework.Output, _, row int) { predicted = append(predicted, row) },
		func(row int, err error) {
			refused = append(refused, row)
			if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), "was stopped after 2s") {
				t.Error(err)
			}
		})
	if !slices.Equal(predicted, []int{0}) || !slices.Equal(refused, []int{1}) {
		t.Errorf("predicted %v, refused %v", predicted, refused)
	}
}
