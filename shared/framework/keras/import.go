package keras

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const importOp = "import the model"

var _ framework.Importer = (*Worker)(nil)

// Import reads a .keras file or a zip of a SavedModel in a fenced child, verifies
// what it exports and leaves that in dir. A .keras file that was compiled can be
// trained on; of the others the forward pass is kept alone.
func (w *Worker) Import(ctx context.Context, file, dir string) (framework.Import, error) {
	a, err := openArchive(file, w.limits.File)
	if err != nil {
		return framework.Import{}, err
	}
	defer a.Close()
	got := framework.Import{Format: a.format}
	lay := func(scratch string) (any, error) { return map[string]string{"format": a.format}, a.place(scratch) }
	err = w.fork(ctx, lay, func(c *done, code int, err error) error {
		if c.report, err = c.judge(ctx, code, err, lines{}); err != nil {
			return err
		}
		if got.Export, _, err = c.export(); err != nil {
			return err
		}
		got.Export.Untrainable = line(c.report.Export.Untrainable)
		got.Export.Libraries = c.zygote.hello.Libraries // not the child's word
		return w.keepImport(c.scratch, a, dir, &got)
	})
	return got, ofFile(err)
}

// reopen exports a model that was imported, with layers frozen, from the template of its
// .keras file.
func (w *Worker) reopen(ctx context.Context, s framework.Source, dir string) (e pipeline.Export, err error) {
	lay := func(scratch string) (any, error) {
		folder := filepath.Join(scratch, "import")
		return map[string]any{"format": kerasFile, "freeze": s.Freeze}, errors.Join(reachable(folder), copyPlain(s.Saved, filepath.Join(folder, "model.keras")))
	}
	err = w.fork(ctx, lay, func(c *done, code int, err error) error {
		if c.report, err = c.judge(ctx, code, err, lines{}); err != nil {
			return err
		}
		if e, _, err = c.export(); err != nil {
			return err
		}
		e.Libraries = c.zygote.hello.Libraries // not the child's word
		return collect(c.scratch, dir, &e)
	})
	return e, ofFile(err)
}

// ofFile is an error about a person's source as one about the file.
func ofFile(err error) error {
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Field != "source" {
		return err
	}
	told := *e
	told.Op, told.Field, told.At = importOp, "content", nil
	told.Hint = strings.ReplaceAll(told.Hint, "; the source should only define and compile it", "")
	return &told
}

// keepImport collects what a child has exported of an archive.
func (w *Worker) keepImport(scratch string, a *archive, dir string, got *framework.Import) error {
	exported, trained := filepath.Join(dir, framework.ImportedExported), filepath.Join(dir, framework.ImportedTrained)
	if err := collect(scratch, exported, &got.Export); err != nil {
		return err
	}
	err := os.CopyFS(filepath.Join(trained, kerasmodel.Trained), os.DirFS(filepath.Join(exported, kerasmodel.Exported)))
	if err == nil && a.format == kerasFile {
		err = copyPlain(a.file, filepath.Join(trained, kerasmodel.KerasFile))
	}
	if err == nil && got.Export.Untrainable != "" {
		err = os.RemoveAll(exported)
	}
	if err == nil {
		err = keepONNX(scratch, trained, &got.Export)
	}
	if err != nil {
		return unavailable(err)
	}
	got.Serving = servingOf(got.Export)
	return nil
}

// keepONNX copies the ONNX form with its weights, where the child says that there
// is one, and verifies the copy. What is wrong with it becomes e.NoONNX.
func keepONNX(scratch, trained string, e *pipeline.Export) error {
	if e.NoONNX != "" {
		return nil
	}
	root, err := os.OpenRoot(scratch)
	if err != nil {
		return err
	}
	defer root.Close()
	path := filepath.Join(trained, onnxmodel.Model.Path)
	wrong := copyFile(root, filepath.Join("export", "onnx", onnxmodel.Model.Path), path, maxFile)
	if wrong == nil {
		wrong = verifyFilled(path, *e)
	}
	if wrong == nil {
		return nil
	}
	e.NoONNX = line(reasonOf(wrong))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func verifyFilled(path string, e pipeline.Export) error {
	graph, err := readBounded(path, maxFile)
	if err != nil {
		return err
	}
	want, err := onnxgraph.WantOf(e)
	if err != nil {
		return err
	}
	return onnxgraph.Verify(graph, want)
}

// servingOf says what serves an imported model: ONNX Runtime where it has such a
// form, as after a training, but unmeasured: there are no records.
func servingOf(e pipeline.Export) pipeline.Serving {
	if e.NoONNX != "" {
		return pipeline.Serving{Engine: kerasmodel.Name, Engines: []string{kerasmodel.Name}, Reason: e.NoONNX}
	}
	return pipeline.Serving{
		Engine: onnxmodel.Name, Engines: []string{kerasmodel.Name, onnxmodel.Name},
		Reason: "it was imported: there are no records to measure the engines on",
	}
}
