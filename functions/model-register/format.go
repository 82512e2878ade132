package modelregister

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// formats tells what a file is by its first bytes; the ones that are refused say
// what to do.
var formats = []struct {
	is           func(head []byte) bool
	kind         string // whose importer reads it
	reason, hint string
}{
	{is: begins("PK\x03\x04", "PK\x05\x06"), kind: kerasmodel.Name},
	{is: begins("\x89HDF"), reason: "it is an HDF5 file, as Keras 2 saved models and weights", hint: "load it by the Keras that saved it, weights alone into their model, and save the whole model: model.save('model.keras')"},
	{is: begins("\x80"), reason: "it is a pickle, which runs code as it is read", hint: "convert it: skl2onnx.to_onnx(model, X[:1]), of a classifier with options={'zipmap': False}, or torch.onnx.export"},
	{is: begins("\x1f\x8b", "BZh", "\xfd7zXZ", "\x28\xb5\x2f\xfd", "7z\xbc\xaf", "Rar!"), reason: "it is compressed", hint: "send the .onnx or .keras file itself, or a SavedModel as .zip"},
	{is: func(head []byte) bool { return len(head) > 8 && string(head[4:8]) == "TFL3" }, reason: "it is a TensorFlow Lite model", hint: "import the model that it was converted from"},
	{is: begins("version https://git-lfs"), reason: "it is a pointer of Git LFS, in place of the file", hint: "fetch the file itself, with `git lfs pull`, and send that"},
	{is: isText, reason: "it is text", hint: "send a .onnx or .keras file or a zip of a SavedModel; Keras source is registered by `models create`"},
	{is: noModelProto, reason: "it is no ONNX file, nor another that is known", hint: "send a .onnx or .keras file or a zip of a SavedModel"},
	{is: begins(""), kind: onnxmodel.Name},
}

func begins(prefixes ...string) func([]byte) bool {
	return func(head []byte) bool {
		for _, p := range prefixes {
			if bytes.HasPrefix(head, []byte(p)) {
				return true
			}
		}
		return false
	}
}

// isText reports whether a file begins with a text: its last character may have
// been cut.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && len(head) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		head = head[size:]
	}
	return true
}

// noModelProto reports whether a file does not begin with a member of ONNX's
// ModelProto.
func noModelProto(head []byte) bool {
	number, _, n := protowire.ConsumeTag(head)
	return n < 0 || !slices.Contains([]protowire.Number{1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}, number)
}

// open has the importer of its format read a file.
func (s *Service) open(ctx context.Context, file, dir string) (kind framework.Kind, got framework.Import, err error) {
	head, err := headOf(file)
	if err != nil {
		return kind, got, err
	}
	for _, f := range formats {
		if !f.is(head) {
			continue
		}
		if f.kind == "" {
			return kind, got, pipeline.Invalidf("content", "the file cannot be imported: %s", f.reason).WithHint("%s", f.hint)
		}
		importer, ok := s.Importers[f.kind]
		if !ok {
			return kind, got, &pipeline.Error{Kind: pipeline.Internal, Field: "content", Reason: "nothing imports models of " + f.kind + " here"}
		}
		if kind, err = s.Kinds.Get(f.kind); err == nil {
			got, err = importer.Import(ctx, file, dir)
		}
		return kind, got, err
	}
	return kind, got, nil // the last format is any file's
}

func headOf(file string) (_ []byte, err error) {
	f, err := os.Open(file) // #nosec G304 -- a file of ours
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}
