// Package onnxmodel describes models as ONNX graphs, which ONNX Runtime serves:
// the kind "onnx". It links nothing and starts nothing. Models are made and
// trained by another kind, which keeps the graph beside its own form.
package onnxmodel

import "github.com/kafkaml/kafkaml/shared/framework"

// Name is the kind's.
const Name = "onnx"

// The blobs of the kind that makes such graphs. Not every model has one.
var (
	// Open is the graph as it is registered, whose weights are still inputs.
	Open = framework.Blob{Name: "open.onnx", Path: "open.onnx", Optional: true}
	// Model is the trained graph, whose weights are initializers.
	Model = framework.Blob{Name: "model.onnx", Path: "model.onnx", Optional: true}
)

// Kind describes them. It has no engines and no arguments of fit: it serves only.
func Kind() framework.Kind {
	open, model := Open, Model
	open.Optional, model.Optional = false, false // what is of this kind has them
	return framework.Kind{
		Name: Name, Program: "kafkaml-predict", Protocol: "onnx_onnxv1", Memory: "96Mi",
		Bundle: framework.Bundle{
			Exported: framework.Blobs{open},
			Trained:  framework.Blobs{model},
			Served:   framework.Blobs{model},
			Formats:  []framework.Format{{Name: "onnx", Title: "ONNX", Blob: model.Name, Extension: ".onnx", Media: "application/octet-stream"}},
		},
	}
}
