package tensorflow

// #cgo linux LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
import "C"

import (
	"sync"
	"unsafe"

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
	if C.dlopen(name, C.RTLD_LAZY|C.RTLD_GLOBAL) != nil {
		return nil
	}
	return &pipeline.Error{
		Op: "open TensorFlow", Kind: pipeline.Unavailable, Reason: C.GoString(C.dlerror()),
		Hint: "fetch it with `make tensorflow`, or name its folder in LD_LIBRARY_PATH",
	}
})
