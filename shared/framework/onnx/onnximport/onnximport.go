// Package onnximport reads ONNX files of models that were trained elsewhere. It
// links nothing: the file is verified and kept, all but unchanged.
package onnximport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Importer implements framework.Importer.
type Importer struct{}

var _ framework.Importer = Importer{}

// Import implements framework.Importer. The file stays on the disk: it is mapped,
// as it may have 2 GB.
func (Importer) Import(_ context.Context, file, dir string) (framework.Import, error) {
	content, unmap, err := mapped(file)
	if err != nil {
		return framework.Import{}, fmt.Errorf("import ONNX: %w", err)
	}
	defer unmap()
	d, err := onnxgraph.Describe(content)
	if err != nil {
		return framework.Import{}, err
	}
	if err := keep(content, filepath.Join(dir, framework.ImportedTrained, onnxmodel.Model.Path)); err != nil {
		return framework.Import{}, fmt.Errorf("import ONNX: %w", err)
	}
	return framework.Import{
		Format: "onnx", Export: exportOf(d),
		Serving: pipeline.Serving{Engine: onnxmodel.Name, Engines: []string{onnxmodel.Name}, Reason: "it was imported as an ONNX file"},
	}, nil
}

// mapped gives the content of a file that nobody changes. It is valid until
// unmap is called.
func mapped(file string) (content []byte, unmap func(), err error) {
	f, err := os.Open(file) // #nosec G304 -- a file of ours
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // the mapping stays
	info, err := f.Stat()
	if err != nil || info.Size() == 0 { // nothing cannot be mapped
		return nil, func() {}, err
	}
	content, err = unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE) // #nosec G115 -- a file descriptor
	return content, func() { _ = unix.Munmap(content) }, err
}

// keep writes the model as it is served.
func keep(content []byte, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- below a folder of ours
	if err != nil {
		return err
	}
	return errors.Join(onnxgraph.WriteOpen(out, content), out.Close())
}

// exportOf is the description of a model that only serves.
func exportOf(d onnxgraph.Description) pipeline.Export {
	e := pipeline.Export{
		Inputs: d.Inputs, Outputs: d.Outputs, Labels: []pipeline.Tensor{}, Parameters: d.Parameters, Layers: []pipeline.Layer{},
		Metrics: []string{}, Task: pipeline.OtherTask, Libraries: pipeline.Libraries{},
		Untrainable: "an ONNX file has no training step: import the model's .keras file, or register its source",
	}
	if d.Opset > 0 {
		e.Libraries["onnx opset"] = strconv.FormatInt(d.Opset, 10)
	}
	if d.Producer != "" {
		e.Libraries[d.Producer] = d.ProducerVersion
	}
	for _, text := range d.Dropped {
		e.Warnings = append(e.Warnings, pipeline.Warning{Message: text})
	}
	return e
}
