package onnx

import (
	ort "github.com/yalue/onnxruntime_go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Framework serves ONNX graphs.
type Framework struct{}

var (
	_ framework.Framework = Framework{}
	_ framework.Loader    = Framework{}
	_ framework.Checker   = Framework{}
)

// Kind implements framework.Framework.
func (Framework) Kind() framework.Kind { return onnxmodel.Kind() }

// Library implements framework.Framework. It has no version where the library
// cannot be opened.
func (Framework) Library() string {
	if start() != nil {
		return "ONNX Runtime"
	}
	return "ONNX Runtime " + ort.GetVersion()
}

// Load implements framework.Loader.
func (Framework) Load() error { return start() }

// OpenTrainer refuses: an ONNX graph has no training step.
func (Framework) OpenTrainer(framework.TrainerOptions) (framework.Trainer, error) {
	return nil, pipeline.Invalidf("framework", "%s serves models and does not train them", onnxmodel.Name).
		WithHint("train with the framework that the model was made for; its result can be served as ONNX")
}

// OpenPredictor implements framework.Framework.
func (Framework) OpenPredictor(o framework.PredictorOptions) (framework.Predictor, error) {
	p, err := openPredictor(o)
	if err != nil { // a nil *Predictor would be no nil Predictor
		return nil, err
	}
	return p, nil
}
