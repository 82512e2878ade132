package framework

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Have lists the formats of a result's model, which has the export e: with their
// size where they are kept, and with the reason where the model has none. What
// the result says of those that are made when they are asked for stays.
func (b Bundle) Have(ctx context.Context, s Store, e pipeline.Export, r pipeline.Result) (all []pipeline.ModelFormat, err error) {
	for _, f := range b.Formats {
		if f.Made {
			for _, q := range pipeline.Quantizes() {
				key := pipeline.FormatKey{Name: f.Name, Quantize: q}
				one, noted := r.Format(key)
				if !noted {
					one = pipeline.ModelFormat{FormatKey: key, Why: f.unfit(e)}
				}
				all = append(all, one)
			}
			continue
		}
		one := pipeline.ModelFormat{FormatKey: pipeline.FormatKey{Name: f.Name}}
		content, size, err := s.Get(ctx, r.Artifact+"/"+f.Blob)
		switch {
		case pipeline.KindOf(err) == pipeline.NotFound:
			one.Why = cmp.Or(f.unfit(e), f.unserved(r), f.Lacking)
		case err != nil:
			return nil, err
		default:
			one.Size = size
			if err := content.Close(); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func (f Format) unfit(e pipeline.Export) string {
	if f.Unfit == nil {
		return ""
	}
	return f.Unfit(e)
}

// unserved is why the engine that opens the format does not serve a result, empty
// where it does.
func (f Format) unserved(r pipeline.Result) string {
	if f.Engine == "" || r.Serving == nil || slices.Contains(r.Serving.Engines, f.Engine) {
		return ""
	}
	return r.Serving.Reason
}

// WriteC writes the TFLite file that r gives as an array in C, for programs of
// micro-controllers: a header that says in comments what its inputs and outputs
// are. Its length follows from the name, f and the number of bytes alone.
func WriteC(w io.Writer, name string, f pipeline.ModelFormat, r io.Reader, size int64) error {
	guard := "KAFKAML_" + strings.ToUpper(name) + "_H"
	head := fmt.Sprintf("/* %s: a TFLite model%s, %d bytes.\n", name, numbers(f.Quantize), size)
	head += " *\n" + described("inputs", f.Inputs) + described("outputs", f.Outputs) + " */\n"
	head += fmt.Sprintf("#ifndef %s\n#define %s\n\n#ifndef __cplusplus\n#include <stdalign.h>\n#endif\n\nalignas(16) const unsigned char %s[] = {", guard, guard, name)
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	buf, line := make([]byte, 12<<10), []byte(nil)
	for at := int64(0); at < size; {
		n, err := io.ReadFull(r, buf[:min(int64(len(buf)), size-at)])
		if err != nil {
			return fmt.Errorf("read the model: %w", err)
		}
		line = line[:0]
		for i, c := range buf[:n] {
			if i%12 == 0 {
				line = append(line, "\n "...)
			}
			line = append(line, ' ', '0', 'x', hex[c>>4], hex[c&15], ',')
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		at += int64(n)
	}
	_, err := fmt.Fprintf(w, "\n};\nconst unsigned int %s_len = %d;\n\n#endif /* %s */\n", name, size, guard)
	return err
}

const hex = "0123456789abcdef"

func numbers(q pipeline.Quantize) string {
	switch q {
	case pipeline.QuantizeFloat16:
		return " with weights of half precision"
	case pipeline.QuantizeInt8:
		return " in whole numbers of 8 bits"
	}
	return ""
}

// described says what tensors are, in lines of a comment.
func described(what string, tensors []pipeline.FormatTensor) string {
	text := " * " + what + ", in the order of the interpreter:\n"
	for _, t := range tensors {
		text += fmt.Sprintf(" *   %s: %s %v", commented(t.Name), t.DType, t.Shape)
		if t.Scale != 0 {
			text += fmt.Sprintf(", scale %v, zero point %d: value = scale * (number - zero point)", t.Scale, t.ZeroPoint)
		}
		text += "\n"
	}
	return text
}

// commented is a name that cannot end a comment.
func commented(name string) string { return strings.ReplaceAll(name, "*/", "* /") }

// CSize is how many bytes WriteC writes.
func CSize(name string, f pipeline.ModelFormat, size int64) int64 {
	var n counter
	_ = WriteC(&n, name, f, zeros{}, size) // neither fails
	return int64(n)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// CName is the name of a result's model in C.
func CName(r pipeline.Result, q pipeline.Quantize) string {
	safe := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, r.ModelName)
	if safe == "" || '0' <= safe[0] && safe[0] <= '9' {
		safe = "model_" + safe
	}
	name := fmt.Sprintf("%s_result_%d", safe, r.ID)
	if q != pipeline.NotQuantized {
		name += "_" + string(q)
	}
	return name
}
