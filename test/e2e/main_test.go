package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// bin is the folder of the two programs, scratch one for data folders. Both
// are absolute.
var bin, scratch string

func TestMain(m *testing.M) {
	if registrytest.Serving() {
		os.Exit(registrytest.Main(m))
	}
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run finds or builds the programs and runs the tests. They mostly wait for
// processes, so more of them run at once than there are cores.
func run(m *testing.M) (code int, err error) {
	if !given("test.parallel") {
		if err := flag.Set("test.parallel", "4"); err != nil {
			return 0, err
		}
	}
	if scratch, err = os.MkdirTemp("", "kafkaml-e2e-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if bin = os.Getenv("KAFKAML_BIN"); bin == "" {
		bin = filepath.Join(scratch, "bin")
		if err := build(bin); err != nil {
			return 0, err
		}
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return 0, err
	}
	return registrytest.Main(m), nil
}

func given(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// build builds the programs into dir; cgo's flags are the caller's.
func build(dir string) error {
	for _, program := range []string{"kafkaml", "kafkaml-tensorflow", "kafkaml-predict"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, program), "../../cmd/"+program).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return nil
}
