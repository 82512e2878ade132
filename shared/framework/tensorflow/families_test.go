package tensorflow_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/toolchain"
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
	root := filepath.Join(toolchain.Dir(), "tests")
	dir := filepath.Join(root, name+"-"+hash)
	if err := os.Chtimes(dir, time.Now(), time.Now()); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil { // #nosec G301 -- as the rest of the toolchain
		return "", err
	}
	removeUnused(root)
	part, err := os.MkdirTemp(root, "part-")
	if err != nil {
		return "", err
	}
	if out, err := python(append([]string{script, "../keras/worker", part}, more...)...); err != nil {
		_ = os.RemoveAll(part)
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	if err := os.Rename(part, dir); err != nil { // another run was faster
		_ = os.RemoveAll(part)
	}
	return dir, nil
}

var processor = regexp.MustCompile(`(?m)^(model name|flags|Features)\s*:.*$`)

func hashOfFamilies() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, toolchain.TensorFlowVersion, toolchain.ONNXVersion, toolchain.TF2ONNXVersion)
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		fmt.Fprintf(h, "%s\n", processor.FindAll(info, 2)) // of the first of several
	}
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

// removeUnused removes what earlier scripts left, and runs that were killed.
func removeUnused(root string) {
	const unused = 14 * 24 * time.Hour
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > unused {
			_ = os.RemoveAll(filepath.Join(root, e.Name()))
		}
	}
}
