package process

import (
	"context"
	"debug/elf"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/disk"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// fenceOff leaves this process what its work needs: it may read and write the keys
// of its models in a store that is a folder, its temporary files, and the ports
// that its environment names.
func (w Work) fenceOff(ctx context.Context, log *slog.Logger) error {
	policy := os.Getenv(fence.Variable)
	if policy == "off" {
		return fence.Raise(fence.Fence{}, policy, log)
	}
	f := fence.Of(append(os.Environ(), platform.BrokersVariable+"="+w.brokers(ctx, log)), os.TempDir(), libraries()...)
	f.Write = append(f.Write, w.Folders...)
	if err := w.store(&f); err != nil {
		return err
	}
	if _, number, err := net.SplitHostPort(w.Address); err == nil {
		if port, err := strconv.ParseUint(number, 10, 16); err == nil { // 0 is any that is free
			f.Listen = append(f.Listen, uint16(port))
		}
	}
	f.Memory, f.File = leastMemory, leastFile
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		f.Memory = max(f.Memory, int64(info.Totalram)*int64(info.Unit)) // #nosec G115 -- a machine's memory
	}
	if free, err := disk.Free(os.TempDir()); err == nil {
		f.File = max(f.File, free)
	}
	return fence.Raise(f, policy, log)
}

// Bounds of any process, in bytes; more where the machine has more.
const (
	leastMemory = 8 << 30
	leastFile   = 1 << 30
)

// store adds what of a store that is a folder this work may reach. The folder that
// it writes to is made here: beside it nothing can be.
func (w Work) store(f *fence.Fence) error {
	u, err := url.Parse(w.Artifacts)
	if err != nil || u.Scheme != "file" {
		return nil // who opens the store says what is wrong with its URL
	}
	f.List = append(f.List, u.Path)
	for _, key := range w.Read {
		f.Read = append(f.Read, filepath.Join(u.Path, key))
	}
	for _, key := range w.Write {
		folder := filepath.Join(u.Path, key)
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return &pipeline.Error{
				Op: "train", Kind: pipeline.Unavailable, Reason: "the folder of its result cannot be made in the store of models: " + err.Error(), Err: err,
				Hint: "see that kafkaml may write there and that the disk has room (ARTIFACT_URL says where it is), then train on the stream again: kafkaml datasources resend",
			}
		}
		f.Write = append(f.Write, folder)
	}
	return nil
}

// libraries are the folders where this program's libraries may lie: those that the
// linker was told, those of LD_LIBRARY_PATH, of the toolchain, and beside the
// program.
func libraries() []string {
	var folders []string
	if dir, err := toolchain.TensorFlow(); err == nil {
		folders = append(folders, filepath.Dir(dir))
	}
	if file, err := toolchain.ONNXRuntime(); err == nil {
		folders = append(folders, filepath.Dir(file))
	}
	folders = append(folders, of(os.Getenv("LD_LIBRARY_PATH"))...)
	if file := os.Getenv("KAFKAML_ONNXRUNTIME"); file != "" {
		folders = append(folders, filepath.Dir(file))
	}
	self, err := os.Executable()
	if err != nil {
		return folders
	}
	folders = append(folders, self, filepath.Join(filepath.Dir(self), "libonnxruntime.so"), filepath.Join(filepath.Dir(self), "..", "lib"))
	return append(folders, runPath(self)...)
}

// runPath is where the linker was told to look for a program's libraries.
func runPath(program string) []string {
	f, err := elf.Open(program)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	var folders []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			continue
		}
		for _, p := range paths {
			folders = append(folders, of(strings.ReplaceAll(p, "$ORIGIN", filepath.Dir(program)))...)
		}
	}
	return folders
}

// of are the folders of a list that colons separate, and those that the library in
// one of them is a link to.
func of(list string) (folders []string) {
	for folder := range strings.SplitSeq(list, ":") {
		if folder != "" {
			folders = append(folders, folder, resolved(filepath.Join(folder, "libtensorflow_cc.so.2")))
		}
	}
	return folders
}

// resolved is the folder of the file that path leads to.
func resolved(path string) string {
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return filepath.Dir(path)
	}
	return filepath.Dir(file)
}

// askTime bounds how long the brokers are asked for their addresses.
const askTime = 2 * time.Second

// brokers are the addresses at which the brokers say that they serve, beside those
// that we were told: who started us has asked, or we ask. Brokers that are away
// must come back at ports that are known.
func (w Work) brokers(ctx context.Context, log *slog.Logger) string {
	if known := os.Getenv(platform.BrokersVariable); known != "" || len(w.Kafka.Brokers) == 0 {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cluster, err := stream.Dial(ctx, w.Kafka)
	if err == nil {
		defer func() { _ = cluster.Close() }()
		var all []string
		if all, err = cluster.Brokers(ctx); err == nil {
			return strings.Join(all, ",")
		}
	}
	log.Warn("the brokers do not say where they serve; only the ports that were given can be reached", "error", err)
	return ""
}
