// Package kerasmodel describes Keras models as TensorFlow trains and serves
// them: the kind "tensorflow". It links nothing and starts nothing.
package kerasmodel

import (
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/fitargs"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Name is the kind's, as pipeline.Model.Framework has it.
const Name = "tensorflow"

// The engines beside pipeline.Auto, which measures the plain graph against XLA
// and keeps the faster.
const (
	Graph pipeline.Engine = "graph"
	XLA   pipeline.Engine = "xla"
)

// Where the parts of a model lie in its folder.
const (
	Exported  = "model"       // the SavedModel as it is registered
	Template  = "keras"       // what a .keras file is written from, of a model that Keras can save
	Trained   = "savedmodel"  // the trained SavedModel
	KerasFile = "model.keras" // the same for Keras itself
)

// Kind describes them.
func Kind() framework.Kind {
	trained := framework.Blob{Name: "savedmodel.zip", Path: Trained, Folder: true}
	template := framework.Blob{Name: "keras.zip", Path: Template, Folder: true, Optional: true}
	file := framework.Blob{Name: "model.keras", Path: KerasFile, Optional: true}
	return framework.Kind{
		Name: Name, Program: "kafkaml-tensorflow", Protocol: "tensorflow_savedmodel",
		Memory: "512Mi",
		Source: "Keras code that leaves a compiled model in the variable model",
		Bundle: framework.Bundle{
			Exported: framework.Blobs{
				{Name: "model.zip", Path: Exported, Folder: true},
				template,
				onnxmodel.Open,
			},
			Trained: framework.Blobs{trained, file, onnxmodel.Model},
			Served:  framework.Blobs{trained},
			Named:   framework.Blobs{template},
			Rebuilt: template.Name,
			Formats: []framework.Format{
				{Name: "savedmodel", Title: "SavedModel", Blob: trained.Name, Extension: ".zip", Media: "application/zip"},
				{
					Name: "keras", Title: ".keras", Blob: file.Name, Extension: ".keras", Media: "application/octet-stream",
					Lacking: "a model that Keras cannot save as .keras is kept as SavedModel only",
				},
				{
					Name: "onnx", Title: "ONNX", Blob: onnxmodel.Model.Name, Extension: ".onnx", Media: "application/octet-stream",
					Lacking: "not every model has an ONNX form, and those trained by earlier versions have none",
					Unfit:   func(e pipeline.Export) string { return e.NoONNX }, Engine: onnxmodel.Name,
				},
				{Name: pipeline.TFLite, Title: "TFLite", Blob: "model.tflite", Extension: ".tflite", Media: "application/octet-stream", Made: true, Unfit: NoTFLite},
				{Name: pipeline.TFLiteC, Title: "TFLite for C", Blob: "model.tflite", Extension: ".h", Media: "text/plain; charset=utf-8", Made: true, Unfit: NoTFLite},
			},
		},
		Inherits: func(parent, child framework.Kin) error {
			_, err := Inherit(parent, child)
			return err
		},
		Settings: framework.Settings{
			Engines: []pipeline.Engine{pipeline.Auto, Graph, XLA},
			Fit:     fitargs.Fit, Evaluate: fitargs.Evaluate, Suit: fitargs.Suit,
		},
	}
}
