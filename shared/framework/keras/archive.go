package keras

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The formats of an imported archive, as pipeline.Imported names them.
const (
	kerasFile  = "keras"
	savedModel = "savedmodel"
)

const (
	mostEntries = 2000 // of an archive
	mostPacked  = 1000 // times that a file may be larger than it lies in an archive
)

// archive is a file of a model that a person imports: a .keras file or a zip of
// a SavedModel.
type archive struct {
	*zip.ReadCloser
	file   string
	format string
	top    string // folder of the archive that holds saved_model.pb, with a slash; empty where that is at the top
}

// openArchive reads the directory of an archive and refuses what no child need
// see: names that leave a folder, links, more than most bytes.
func openArchive(file string, most int64) (a *archive, err error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, refuseFile("the zip cannot be read: "+err.Error(), "send the file again: it may have been cut off")
	}
	defer func() {
		if err != nil {
			_ = z.Close()
		}
	}()
	a = &archive{ReadCloser: z, file: file}
	if err := checkEntries(z.File, most); err != nil {
		return nil, err
	}
	return a, a.tell()
}

// checkEntries holds that an archive only has plain files and folders that stay
// within it and are of bounded size.
func checkEntries(all []*zip.File, most int64) error {
	if len(all) > mostEntries {
		return refuseFile(fmt.Sprintf("the zip has %d entries, at most %d are allowed", len(all), mostEntries), "zip the model alone")
	}
	total, seen := uint64(0), map[string]bool{}
	for _, f := range all {
		name := plain(f.Name, 100)
		switch mode := f.Mode(); {
		case f.Name == "" || path.IsAbs(f.Name) || strings.ContainsAny(f.Name, "\\\x00:") || slices.Contains(strings.Split(f.Name, "/"), ".."):
			return refuseFile(fmt.Sprintf("the zip has an entry %q, which lies outside of it", name), "zip the folder from within: (cd folder && zip -qr ../model.zip .)")
		case !mode.IsRegular() && !mode.IsDir():
			return refuseFile(fmt.Sprintf("the entry %q of the zip is a link or no plain file", name), "zip what the link means: zip follows links unless told not to")
		case f.Flags&1 != 0:
			return refuseFile(fmt.Sprintf("the entry %q of the zip is encrypted", name), "zip it without a password")
		case f.UncompressedSize64 > mostPacked*max(f.CompressedSize64, 1<<10):
			return refuseFile(fmt.Sprintf("the entry %q of the zip says that it is more than %d times its packed size, as zip bombs are", name, mostPacked), "send the model's own file, or zip its folder without packing: zip -0")
		}
		clean := path.Clean(f.Name)
		if seen[clean] {
			return refuseFile(fmt.Sprintf("the zip has the entry %q twice", name), "zip the model anew")
		}
		seen[clean] = true
		if total += f.UncompressedSize64; total > uint64(most) || f.UncompressedSize64 > uint64(most) { // #nosec G115 -- a size
			return refuseFile(fmt.Sprintf("unpacked, the zip is larger than %d MiB, which is what fits here", most>>20), "make the model smaller, or give model-register more memory")
		}
	}
	return nil
}

// tell finds out what an archive holds.
func (a *archive) tell() error {
	has := func(name string) bool {
		return slices.ContainsFunc(a.File, func(f *zip.File) bool { return f.Name == name })
	}
	if has("config.json") && has("metadata.json") {
		a.format = kerasFile
		if !has("model.weights.h5") {
			return refuseFile("the .keras file has no weights (model.weights.h5)", "save the whole model: model.save('model.keras')")
		}
		return nil
	}
	for _, f := range a.File {
		if path.Base(f.Name) != "saved_model.pb" {
			continue
		}
		if a.format != "" {
			return refuseFile("the zip holds several SavedModels", "zip one of them")
		}
		a.format, a.top = savedModel, strings.TrimSuffix(f.Name, "saved_model.pb")
	}
	switch {
	case a.format == savedModel && strings.Count(a.top, "/") > 1:
		return refuseFile(fmt.Sprintf("the SavedModel lies deep in the zip, in %q", plain(a.top, 100)), "zip its folder from within: (cd folder && zip -qr ../model.zip .)")
	case a.format == savedModel:
		return nil
	case slices.ContainsFunc(a.File, func(f *zip.File) bool { return path.Base(f.Name) == "data.pkl" }):
		return refuseFile("it is a file of PyTorch, which runs code as it is read", "export the model: torch.onnx.export(model, sample, 'model.onnx', input_names=['x'], dynamic_axes={'x': {0: 'batch'}}, external_data=False)")
	case slices.ContainsFunc(a.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, ".onnx") }):
		return refuseFile("the zip holds an ONNX file", "send the .onnx file itself")
	}
	return refuseFile("the zip holds neither a .keras model (config.json) nor a SavedModel (saved_model.pb)", "send the .keras file itself, or zip the folder that model.export has written")
}

// place puts the model where a child reads it.
func (a *archive) place(scratch string) error {
	dir := filepath.Join(scratch, "import")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return unavailable(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask
		return unavailable(err)
	}
	if a.format == kerasFile {
		return copyPlain(a.file, filepath.Join(dir, "model.keras"))
	}
	return a.unpack(filepath.Join(dir, "saved"))
}

// unpack writes the entries below top to a folder.
func (a *archive) unpack(dir string) error {
	if err := reachable(dir); err != nil {
		return err
	}
	for _, f := range a.File {
		name, below := strings.CutPrefix(f.Name, a.top)
		if !below || name == "" {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if f.Mode().IsDir() {
			if err := reachable(to); err != nil {
				return err
			}
			continue
		}
		if err := reachable(filepath.Dir(to)); err != nil {
			return err
		}
		if err := unpackFile(f, to); err != nil {
			return err
		}
	}
	return nil
}

// reachable makes a folder that the child may read.
func reachable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return unavailable(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return unavailable(err)
	}
	return nil
}

// unpackFile writes an entry to a file. A file that is larger than its entry
// says, or another than its checksum says, is an error of the reader.
func unpackFile(f *zip.File, to string) error {
	in, err := f.Open()
	if err != nil {
		return broken(f, err)
	}
	defer in.Close()
	return writePlain(to, in, func(err error) *pipeline.Error { return broken(f, err) })
}

func broken(f *zip.File, err error) *pipeline.Error {
	return refuseFile(fmt.Sprintf("the entry %q of the zip cannot be read: %v", plain(f.Name, 100), err), "send the file again: it may have been cut off")
}

// copyPlain copies a file of ours to where the child may read it.
func copyPlain(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return unavailable(err)
	}
	defer in.Close()
	return writePlain(to, in, unavailable)
}

// writePlain writes a new file that the child may read. wrong is what an error of
// reading it is.
func writePlain(to string, in io.Reader, wrong func(error) *pipeline.Error) (err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Chmod(0o644); err != nil { // whatever the umask
		return unavailable(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		return wrong(err)
	}
	return nil
}

// refuseFile is what is wrong with a file that a person imports.
func refuseFile(reason, hint string) *pipeline.Error {
	return &pipeline.Error{Op: importOp, Kind: pipeline.Invalid, Field: "content", Reason: reason, Hint: hint}
}
