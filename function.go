// Package function is this repository as one Knative func project: func finds
// New in the root package and serves what it returns. The step is named by the
// environment variable FUNCTION; empty, all steps are served under their names.
package function

import (
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnximport"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
)

// New makes the instance that func-go runs.
func New() *functions.Instance { return functions.NewInstance(Frameworks(), nil) }

// Frameworks are those that models may be of, the first by default, and those
// that only serve what another has trained. Each has a program beside this one
// that links it.
func Frameworks() framework.Registry {
	return framework.Registry{{Kind: kerasmodel.Kind(), Start: keras.Build}, {Kind: onnxmodel.Kind(), Importer: onnximport.Importer{}}}
}
