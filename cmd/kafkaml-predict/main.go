// Command kafkaml-predict is the process that serves a model by ONNX Runtime's
// library, which it loads as it starts to serve, or checks whether it could. It links
// neither TensorFlow nor Python.
package main

import (
	"os"

	"github.com/kafkaml/kafkaml/cmd/process"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/version"
)

func main() {
	frameworks := framework.Frameworks{onnx.Framework{}}
	os.Exit(process.Program{
		Name: "kafkaml-predict", Version: version.String(), Library: "ONNX Runtime " + toolchain.ONNXRuntimeVersion,
		Verbs: []process.Verb{process.Predict(frameworks), process.Check(frameworks)},
	}.Run(os.Args[1:]))
}
