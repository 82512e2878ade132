package tensorflow

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// blameTime bounds the search for the record at fault.
const blameTime = 20 * time.Second

// fault is an error of TensorFlow as a person reads it: without the names of
// the graph's functions and nodes, but with that of the layer.
type fault struct {
	text  string
	cause error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.cause }

var (
	nodeName  = regexp.MustCompile(`\{\{node ([^}]+)\}\}`)
	traceFrom = regexp.MustCompile(`(?s)\s*\[\[.*$`)
	markers   = regexp.MustCompile(`\{\{[^}]*\}\}\s*`)
	firstRoot = regexp.MustCompile(`(?s)^.*root error\(s\) found\.\s*\(0\)\s*(?:[A-Za-z_ ]+:\s)?(.*?)(?:\n\s*\(1\).*)?$`)
	numbered  = regexp.MustCompile(`_\d+$`)
)

// readable makes a fault of an error of TensorFlow; other errors stay.
func readable(err error, e pipeline.Export) error {
	text := err.Error()
	if errors.Is(err, context.Canceled) || !strings.Contains(text, "{{") && !strings.Contains(text, "root error") {
		return err
	}
	layer := ""
	if m := nodeName.FindStringSubmatch(text); m != nil {
		layer = layerOf(m[1], e.Layers)
	}
	text = firstRoot.ReplaceAllString(text, "$1")
	text = strings.TrimSpace(markers.ReplaceAllString(traceFrom.ReplaceAllString(text, ""), ""))
	if layer != "" {
		text += " (layer " + layer + ")"
	}
	return &fault{text, err}
}

// layerOf is the innermost layer that the path of a node's name leads through,
// empty where it leads through none. Keras numbers the scopes that it opens.
func layerOf(node string, layers []pipeline.Layer) string {
	known := func(name string) bool {
		return slices.ContainsFunc(layers, func(l pipeline.Layer) bool { return l.Name == name })
	}
	parts := strings.Split(node, "/")
	for _, p := range slices.Backward(parts) {
		for _, name := range []string{numbered.ReplaceAllString(p, ""), p} {
			if known(name) {
				return name
			}
		}
	}
	return ""
}

// blame is what to tell of a call that f refused: a framework.RecordError of the
// first of its records that is refused alone, too, or the error alone where none is.
// It runs the records again; the model's variables are of no use after it.
func (t *Trainer) blame(ctx context.Context, f *Function, b *buffer, c call, err error) error {
	said := readable(err, t.options.Export)
	if ctx.Err() != nil {
		return said
	}
	ctx, cancel := context.WithTimeout(ctx, blameTime)
	defer cancel()
	s := &search{t: t, f: f, of: b}
	step, found := s.first(ctx, c.steps, c.rows)
	if !found {
		return said
	}
	at, others, found := s.alone(ctx, step*c.rows, c.rows, c.records())
	if !found {
		return said
	}
	return &framework.RecordError{Columns: s.columns(at), Err: readable(s.err, t.options.Export), Others: others}
}

// search runs parts of a buffer again.
type search struct {
	t   *Trainer
	f   *Function
	of  *buffer
	err error // of the last part that was refused
}

// refused runs rows records from record at on as one batch.
func (s *search) refused(b *buffer, at, rows int) bool {
	for i, col := range s.t.columns {
		part := col.part(s.of.dst[i], at, rows)
		if b.texts[i] == nil {
			copy(b.dst[i], part)
		} else if err := b.texts[i].fill(part, rows*col.tensor().Elements()); err != nil {
			return false
		}
	}
	if b.w != nil {
		copy(b.w, s.of.w[4*at:4*(at+rows)])
	}
	putInt32(b.steps, 1)
	_, err := s.t.run(s.f, b)
	if err != nil {
		s.err = err
	}
	return err != nil
}

// first is the first of the steps that is refused.
func (s *search) first(ctx context.Context, steps, rows int) (int, bool) {
	b, err := newBuffer(s.t.columns, 1, rows, s.of.w != nil)
	if err != nil {
		return 0, false
	}
	for i := range steps {
		if ctx.Err() != nil {
			return 0, false
		}
		if s.refused(b, i*rows, rows) {
			return i, true
		}
	}
	return 0, false
}

// alone is the first of rows records from record from on that is refused by
// itself, and whether others of all records were tried and each was refused, too.
func (s *search) alone(ctx context.Context, from, rows, all int) (at int, others, found bool) {
	b, err := newBuffer(s.t.columns, 1, 1, s.of.w != nil)
	if err != nil {
		return 0, false, false
	}
	var why error
	passed := false
	for i := from; i < from+rows && (!found || !passed) && ctx.Err() == nil; i++ {
		switch {
		case !s.refused(b, i, 1):
			passed = true
		case !found:
			at, why, found = i, s.err, true
		default:
			others = true
		}
	}
	if other := (from + rows) % all; found && !passed && other != from && ctx.Err() == nil {
		passed = !s.refused(b, other, 1)
		others = true
	}
	s.err = why
	return at, others && !passed, found
}

// columns are the bytes of one record of the buffer.
func (s *search) columns(at int) [][]byte {
	out := make([][]byte, len(s.t.columns))
	for i, col := range s.t.columns {
		out[i] = slices.Clone(col.part(s.of.dst[i], at, 1))
	}
	return out
}
