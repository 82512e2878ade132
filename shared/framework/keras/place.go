package keras

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The Python side. keras.json is baked in because importing Keras would write
// one into the home folder.
//
//go:embed worker/*.py worker/keras.json worker/op_allow.txt
var workerFiles embed.FS

// nobody is the user and group that the zygote runs as when we are root.
const nobody = 65534

// place is a Worker's folder: the Python files and the requests' scratch.
type place struct {
	dir        string
	lock       *os.File // the folder, locked while its Worker lives
	unconfined bool     // the zygote keeps our user: we are not root
}

const placePrefix = "kafkaml-keras-"

// newPlace makes the folder under o.Scratch, or under the system's temporary
// folder where the worker could not reach it: a home folder of root's, say.
func newPlace(o Options) (*place, error) {
	p := &place{unconfined: os.Getuid() != 0}
	parent := o.Scratch
	if parent != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return nil, err
		}
	}
	if parent == "" || !p.reaches(parent) {
		parent = os.TempDir()
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	sweep(parent)
	if p.dir, err = os.MkdirTemp(parent, placePrefix); err != nil {
		return nil, err
	}
	if p.lock, err = os.Open(p.dir); err != nil {
		return nil, err
	}
	if err := errors.Join(unix.Flock(int(p.lock.Fd()), unix.LOCK_EX), os.Chmod(p.dir, 0o711), p.write()); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

// sweep removes what Workers that were killed have left in parent: folders of
// ours that nobody has locked and that are not just being made.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, placePrefix+"*")) // the pattern is well formed
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			continue
		}
		info, err := f.Stat()
		if err == nil && time.Since(info.ModTime()) > time.Minute && int(info.Sys().(*syscall.Stat_t).Uid) == os.Getuid() &&
			unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.RemoveAll(dir)
		}
		f.Close()
	}
}

// reaches reports whether the zygote's user may pass every folder on the way to dir.
func (p *place) reaches(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil || p.unconfined {
		return err == nil
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// worker is the folder of the Python files.
func (p *place) worker() string { return filepath.Join(p.dir, "worker") }

func (p *place) write() error {
	return fs.WalkDir(workerFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(p.dir, path)
		if d.IsDir() {
			return errors.Join(os.MkdirAll(to, 0o755), os.Chmod(to, 0o755))
		}
		data, err := workerFiles.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(to, data, 0o644), os.Chmod(to, 0o644)) // whatever the umask
	})
}

// scratch makes the folder of one request, the child's own.
func (p *place) scratch() (string, error) {
	dir, err := os.MkdirTemp(p.dir, "request-")
	if err != nil {
		return "", fmt.Errorf("scratch folder: %w", err)
	}
	if !p.unconfined {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return "", errors.Join(fmt.Errorf("scratch folder: %w", err), os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// process is how the zygote is started: in its own process group, so that an
// interrupt on the terminal does not reach it, and without our rights.
func (p *place) process() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if !p.unconfined {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{}}
	}
	return attr
}

func (p *place) remove() error { return errors.Join(os.RemoveAll(p.dir), p.lock.Close()) }
