package cases

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// kafkaml is the one that all cases are tried on.
var kafkaml *product

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run tries the cases on a kafkaml of their own. They mostly wait for
// processes, so more of them are tried at once than there are cores.
func run(m *testing.M) (code int, err error) {
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if !set["test.parallel"] {
		if err := flag.Set("test.parallel", "4"); err != nil {
			return 0, err
		}
	}
	bin, err := filepath.Abs(os.Getenv("KAFKAML_BIN"))
	if err != nil {
		return 0, err
	}
	if _, err := os.Stat(filepath.Join(bin, "kafkaml-tensorflow")); err != nil {
		return 0, fmt.Errorf("KAFKAML_BIN is to name the folder of kafkaml and kafkaml-tensorflow (make build): %w", err)
	}
	if kafkaml, err = start(bin); err != nil {
		return 0, err
	}
	if _, err := numbers(); err != nil { // a row would wait for them too long
		return 0, errors.Join(fmt.Errorf("ask plain Keras for its numbers: %w", err), kafkaml.close(false))
	}
	code = m.Run()
	return code, kafkaml.close(code != 0)
}
