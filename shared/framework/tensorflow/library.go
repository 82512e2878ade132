package tensorflow

// #cgo linux LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
import "C"

import (
	"errors"
	"os"
	"sync"
	"unsafe"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var _ framework.Loader = Framework{}

// Load implements framework.Loader. The library is 1.3 GB on disk and takes a
// tenth of a second and more to open, so it is not linked: what needs no model
// (version, help) does without, and a training reads its records meanwhile. The
// linker leaves its functions open (lazy/weak.h); the first call of each finds it
// among those that the process has opened for all (RTLD_GLOBAL). It is looked for
// in the folder that was given when the program was linked, then where the system
// looks.
func (Framework) Load() error { return load() }

var load = sync.OnceValue(func() error {
	name := C.CString("libtensorflow_cc.so.2")
	defer C.free(unsafe.Pointer(name))
	if C.dlopen(name, C.RTLD_LAZY|C.RTLD_GLOBAL) == nil {
		return &pipeline.Error{
			Op: "open TensorFlow", Kind: pipeline.Unavailable, Reason: C.GoString(C.dlerror()),
			Hint: "fetch it with `make tensorflow`, or name its folder in LD_LIBRARY_PATH",
		}
	}
	// Without it the first session's number of threads would hold for all of the process.
	if err := os.Setenv("TF_OVERRIDE_GLOBAL_THREADPOOL", "1"); err != nil {
		return err
	}
	go func() { _ = multiply() }() // a model that cannot either will say why
	return nil
})

// multiply computes a matrix product. At the first one of a process oneDNN writes the
// code of its kernels, for 30 ms, which pass while the model is loaded.
func multiply() (err error) {
	g := tf.NewGraph()
	var factors [2]tf.Output
	for i, name := range []string{"a", "b"} {
		in, err := g.AddOperation(tf.OpSpec{Type: "Placeholder", Name: name, Attrs: map[string]any{"dtype": tf.Float}})
		if err != nil {
			return err
		}
		factors[i] = in.Output(0)
	}
	product, err := g.AddOperation(tf.OpSpec{Type: "MatMul", Input: []tf.Input{factors[0], factors[1]}})
	if err != nil {
		return err
	}
	s, err := tf.NewSession(g, &tf.SessionOptions{Config: sessionConfig(Threads{IntraOp: 1, InterOp: -1}, false)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var zeros [16][16]float32 // less is computed without them
	some, err := tf.NewTensor(zeros)
	if err != nil {
		return err
	}
	_, err = s.Run(map[tf.Output]*tf.Tensor{factors[0]: some, factors[1]: some}, []tf.Output{product.Output(0)}, nil)
	return err
}
