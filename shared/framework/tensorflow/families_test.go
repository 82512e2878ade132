package tensorflow_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/toolchain/toolchaintest"
)

// families is the folder of model families as Keras' own fit trained them on this
// machine; see testdata/equality.py. Training them takes a minute, so what comes
// of it is kept beside the toolchain, under the hash of all that it depends on:
// the scripts, the version of TensorFlow, and the processor, whose instructions
// decide how sums are rounded.
var families = sync.OnceValues(func() (string, error) { return kept("families", "testdata/equality.py") })

// kept is the folder, of a name, of what a script makes of the worker and more
// arguments.
func kept(name, script string, more ...string) (string, error) {
	hash, err := hashOfFamilies()
	if err != nil {
		return "", err
	}
	return toolchaintest.Kept(name, hash, func(dir string) error {
		if out, err := python(append([]string{script, "../keras/worker", dir}, more...)...); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	})
}

func hashOfFamilies() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, toolchain.TensorFlowVersion, toolchain.ONNXVersion, toolchain.TF2ONNXVersion, toolchaintest.Processor())
	for _, pattern := range []string{"testdata/*.py", "../keras/worker/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				continue // a folder
			}
			fmt.Fprintln(h, file, len(b))
			h.Write(b)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
