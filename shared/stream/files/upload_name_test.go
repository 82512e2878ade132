package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever an upload is called, it is stored within its folder, under a name that a
// file can have.
func FuzzUploadName(f *testing.F) {
	for _, name := range []string{
		"", ".", "..", "/", "../../etc/passwd", `..\..\boot.ini`, "a/b.csv", "digits.csv.gz", "\x00", "a\x00.csv", "\xff.csv", strings.Repeat("x", 5000) + ".csv", "ü.csv", "-rf",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, given string) {
		name, dir := UploadName(given), t.TempDir()
		path := filepath.Join(dir, name)
		if filepath.Dir(path) != dir || len(name) > 200 {
			t.Fatalf("%q is stored at %q", given, path)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatalf("%q: %v", given, err)
		}
	})
}
