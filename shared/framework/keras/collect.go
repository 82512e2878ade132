package keras

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The files that a child leaves, under export/ in its scratch folder and under
// the folder given to Export and Verify.
var (
	graphFiles = []string{
		"model/saved_model.pb",
		"model/fingerprint.pb",
		"model/variables/variables.index",
		"model/variables/variables.data-00000-of-00001",
	}
	// Absent where Keras cannot save the model.
	templateFiles = []string{
		"keras/config.json",
		"keras/metadata.json",
		"keras/model.weights.h5",
		"keras/variables.json",
	}
)

// collect copies the exported files of a dead child from its scratch folder to
// dir and verifies the copy. Nothing is left in dir when that fails. An ONNX
// graph that is not what it should be is left out, and the reason noted in want:
// the model is the SavedModel.
func collect(scratch, dir string, want *pipeline.Export) error {
	root, err := os.OpenRoot(scratch)
	if err != nil {
		return unavailable(err)
	}
	defer root.Close()
	if err = copyExport(root, dir); err == nil {
		weights, wrong := verify(dir, *want)
		if wrong == nil && want.Untrainable != "" {
			return nil // its ONNX form has its weights
		}
		if wrong == nil {
			return collectONNX(root, dir, want, weights)
		}
		err = refusalOf(wrong)
	}
	for _, part := range []string{"model", "keras"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, part)))
	}
	return err
}

func copyExport(root *os.Root, dir string) error {
	names := graphFiles
	if _, err := root.Lstat("export/keras/variables.json"); err == nil {
		names = slices.Concat(graphFiles, templateFiles)
	}
	for _, name := range names {
		if err := copyFile(root, filepath.Join("export", name), filepath.Join(dir, name), maxFile); err != nil {
			return fmt.Errorf("export %s: %w", name, err)
		}
	}
	return nil
}

// copyFile copies one regular file of a child. Nothing it may have put in the
// file's place is followed or waited for: O_NOFOLLOW, O_NONBLOCK, one link.
func copyFile(root *os.Root, from, to string, most int64) error {
	in, err := root.OpenFile(from, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return refuse("the export is not complete", "the source should only define and compile the model")
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if links := info.Sys().(*syscall.Stat_t).Nlink; !info.Mode().IsRegular() || links != 1 || info.Size() > most {
		return refuse(fmt.Sprintf("the export holds something that is not a plain file of at most %d MiB", most>>20), "build a smaller model")
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, info.Size()))
	return errors.Join(err, out.Close())
}
