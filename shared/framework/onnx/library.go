package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// mostMemory is what all runs of a process together may hold of tensors beside
// the weights, inputs and outputs, so that a record cannot take the machine:
// sizes within a graph may depend on values. A run that wants more fails.
const mostMemory = 1 << 30

// library finds ONNX Runtime's: the file that KAFKAML_ONNXRUNTIME names, else
// the one beside the program or in ../lib, as images have it, else the
// toolchain's.
func library() (string, error) {
	if file := os.Getenv("KAFKAML_ONNXRUNTIME"); file != "" {
		return file, nil
	}
	if program, err := os.Executable(); err == nil {
		dir := filepath.Dir(program)
		for _, file := range []string{filepath.Join(dir, "libonnxruntime.so"), filepath.Join(dir, "..", "lib", "libonnxruntime.so")} {
			if _, err := os.Stat(file); err == nil {
				return file, nil
			}
		}
	}
	return toolchain.ONNXRuntime()
}

var starting sync.Mutex

// start opens the library, once in a process.
func start() error {
	starting.Lock()
	defer starting.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	file, err := library()
	if err != nil {
		return err
	}
	// The official builds send Microsoft what models they run, unless they are told
	// not to before they start.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return fmt.Errorf("open ONNX Runtime: %w", err)
	}
	ort.SetSharedLibraryPath(file)
	err = ort.InitializeEnvironment(ort.WithLogLevelFatal()) // what goes wrong comes back as an error
	if err == nil {
		if err = bound(); err != nil {
			_ = ort.DestroyEnvironment()
		}
	}
	if err != nil {
		return &pipeline.Error{
			Op: "open ONNX Runtime", Kind: pipeline.Unavailable, Reason: plain(err), Err: err,
			Hint: "KAFKAML_ONNXRUNTIME names another file of the library",
		}
	}
	return nil
}

// bound gives the sessions of the process one allocator, which is bounded.
func bound() error {
	arena, err := ort.NewArenaCfg(mostMemory, 1, -1, -1) // 1: take from the system what is asked for, not the next power of two
	if err != nil {
		return err
	}
	defer arena.Destroy()
	info, err := ort.GetMemoryInfo()
	if err != nil {
		return err
	}
	return ort.CreateAndRegisterAllocator(info, arena)
}
