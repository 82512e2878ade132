package artifacttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// OnDisk prepares a command that finds a disk of its own at a folder: a tmpfs of
// so many MiB, and 128 files for each, in a mount namespace, which needs no rights where user namespaces
// are on, and goes with the last process that is in it.
func OnDisk(folder string, mebibytes int, command ...string) *exec.Cmd {
	args := []string{"--mount", "sh", "-c", fmt.Sprintf(`mount -t tmpfs -o size=%dm,nr_inodes=%d none "$0" && exec "$@"`, mebibytes, 128*mebibytes), folder}
	if id := os.Geteuid(); id != 0 { // root to mount it, and oneself again for the command
		args = append([]string{"--map-root-user"}, args...)
		args = append(args, "unshare", "--user", fmt.Sprintf("--map-user=%d", id), fmt.Sprintf("--map-group=%d", os.Getegid()))
	}
	return exec.Command("unshare", append(args, command...)...)
}

// Disk is a folder of a process as others may reach it, whatever is mounted there.
func Disk(pid int, folder string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", pid), folder)
}

// Fill takes what is left of the disk that a folder lies on; free gives it back.
func Fill(t testing.TB, folder string) (free func()) {
	t.Helper()
	path := filepath.Join(folder, "fill")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2] // until not a byte is left
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
