package toolchaintest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Kept is the folder, of a name and a hash, of what write puts into one. It is
// kept beside the toolchain, so that what takes a minute is made once on a machine;
// the hash is to be that of all that it depends on.
func Kept(name, hash string, write func(dir string) error) (string, error) {
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
	if err := write(part); err != nil {
		_ = os.RemoveAll(part)
		return "", err
	}
	if err := os.Rename(part, dir); err != nil { // another run was faster
		_ = os.RemoveAll(part)
	}
	return dir, nil
}

// removeUnused removes what earlier tests left, and runs that were killed.
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

var processor = regexp.MustCompile(`(?m)^(model name|flags|Features)\s*:.*$`)

// Processor names this machine's processor and its instructions, which decide how a
// library rounds its sums.
func Processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s", processor.FindAll(info, 2)) // of the first of several
}
