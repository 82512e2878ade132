package toolchain_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Of the three functions of a library that it holds in a table, one is its own, one is
// defined by another library as well, and one has a name of C, which anybody may define.
const (
	library = `
int own(void) __asm__("_Z3ownv");
int both(void) __asm__("_Z4bothv");
int own(void) { return 1; }
int both(void) { return 2; }
int plain(void) { return 4; }
int (*table[])(void) = {own, both, plain};
int sum(void) { return table[0]() + table[1]() + table[2](); }`
	other = `
int both(void) __asm__("_Z4bothv");
int both(void) { return 20; }`
	load = `
import ctypes, sys
ctypes.CDLL(sys.argv[1] + "/libother.so", ctypes.RTLD_GLOBAL)
print(ctypes.CDLL(sys.argv[1] + "/liblibrary.so").sum())`
)

// A library is bound to what it alone defines, and computes as before.
func TestBind(t *testing.T) {
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	output := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+site)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	for name, source := range map[string]string{"library": library, "other": other} {
		file := filepath.Join(dir, name+".c")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		output("cc", "-shared", "-fPIC", "-o", filepath.Join(dir, "lib"+name+".so"), file)
	}
	before := output(python, "-c", load, dir)
	if said := output(python, "bind.py", dir, "liblibrary.so"); !strings.HasPrefix(said, "liblibrary.so: 1 symbols bound") {
		t.Errorf("it is not one symbol that is bound: %s", said)
	}
	if after := output(python, "-c", load, dir); after != before || before != "25\n" {
		t.Errorf("it gives %q, before %q", after, before)
	}
}
