package tensorflow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"

	tf "github.com/galeone/tensorflow/tensorflow/go"
	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/adapt"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// adaptRows is how many records are counted at once, less where they are large.
const adaptRows = 8192

// Adapt gives the layers that the export leaves open what they learn from s, level
// by level: what enters those of a level is known when those below have learned.
// What they learn is no part of WeightsHash, but for means, variances and weights
// of words.
func (t *Trainer) Adapt(ctx context.Context, s framework.Split, o framework.AdaptOptions) ([]pipeline.Adapted, error) {
	all := t.options.Export.Adapt
	out := make([]pipeline.Adapted, len(all))
	highest := -1
	for i, a := range all {
		l, err := t.newLearner(i, a, o)
		if err != nil {
			return nil, err
		}
		out[i] = pipeline.Adapted{Layer: a.Layer, Class: a.Class, Kind: a.Kind, Records: s.Len()}
		t.learners, highest = append(t.learners, l), max(highest, a.Level)
	}
	for level := range highest + 1 {
		if err := t.count(ctx, s, level); err != nil {
			return nil, err
		}
		if err := t.set(level, out); err != nil {
			return nil, err
		}
		if o.Held == nil || o.Held.Len() == 0 || !t.hasWords(level) {
			continue
		}
		if err := t.count(ctx, o.Held, level); err != nil {
			return nil, err
		}
	}
	for i, l := range t.learners {
		l.judge(&out[i])
		if _, err := l.config(); err != nil {
			out[i].Note = err.Error() + ": the model is kept as SavedModel only"
		}
	}
	t.values, t.adapted = nil, true
	return out, nil
}

// hasWords reports whether a layer of a level has a vocabulary, so that there is
// something to say of words that it does not hold.
func (t *Trainer) hasWords(level int) bool {
	for _, l := range t.learners {
		if l.Level == level && l.Kind == pipeline.AdaptWords {
			return true
		}
	}
	return false
}

// openLayer is a layer to be adapted and what counts for it.
type openLayer struct {
	pipeline.Adapt
	index int
	learner
}

// learner counts what enters a layer.
type learner interface {
	// column takes records of the input that enters the layer as it is.
	column(stored []byte) error
	// seen takes what the graph gives of some records, by its part.
	seen(parts map[string]*tf.Tensor) error
	// learn says what the layer has learned and gives what set takes; after it,
	// column and seen take records that are held back.
	learn(*pipeline.Adapted) (map[string]operand, error)
	// judge says what there was to see of the records held back.
	judge(*pipeline.Adapted)
	// config are the members of the layer's config in a .keras file, or why that
	// cannot hold them.
	config() (map[string]any, error)
}

// operand is a tensor to be fed, and what must be reachable as long as it is in use.
type operand struct {
	tensor *tf.Tensor
	owner  any
}

func (t *Trainer) newLearner(i int, a pipeline.Adapt, o framework.AdaptOptions) (*openLayer, error) {
	l := &openLayer{Adapt: a, index: i}
	var in column
	if a.Input >= 0 {
		in = t.columns[a.Input]
	}
	most := o.Words
	if most <= 0 {
		most = adapt.DefaultWords
	}
	switch a.Kind {
	case pipeline.AdaptMoments:
		l.learner = &moments{in: in, counts: adapt.NewMoments(a.Columns)}
	case pipeline.AdaptQuantiles:
		l.learner = &quantiles{Adapt: a, in: in, counts: adapt.NewQuantiles(a.Epsilon)}
	case pipeline.AdaptWords:
		if a.Integers {
			l.learner = newWords(a, most, numbers{})
		} else {
			l.learner = newWords(a, most, wordTexts{})
		}
	default:
		return nil, fmt.Errorf("layer %s learns %q, which is not known", a.Layer, a.Kind)
	}
	return l, nil
}

// count runs over a split for the layers of a level.
func (t *Trainer) count(ctx context.Context, s framework.Split, level int) error {
	f, _, err := t.model.Function(fmt.Sprintf("seen%d", level))
	if err != nil {
		return err
	}
	g := &glance{t: t, f: f, held: map[int]*buffer{}}
	return t.eachPart(ctx, s, func(rows int, columns [][]byte) error {
		var group errgroup.Group // each learner has its own counts
		group.SetLimit(runtime.GOMAXPROCS(0))
		for _, l := range t.learners {
			if l.Level == level && l.Input >= 0 {
				group.Go(func() error { return l.column(columns[l.Input]) })
			}
		}
		err := g.take(rows, columns, level)
		return errors.Join(group.Wait(), err)
	})
}

// eachPart gives the records of a split in the order of the stream, reading one
// part ahead. What use is given is valid in the call only.
func (t *Trainer) eachPart(ctx context.Context, s framework.Split, use func(rows int, columns [][]byte) error) error {
	record := 1
	for _, c := range t.columns {
		record += c.room()
	}
	most := max(1, min(adaptRows, chunkBytes/4/record))
	type part struct {
		rows    int
		columns [][]byte
	}
	free, ready := make(chan [][]byte, 2), make(chan part)
	for range cap(free) {
		columns := make([][]byte, len(t.columns))
		for i, c := range t.columns {
			columns[i] = make([]byte, 0, most*c.bytes)
		}
		free <- columns
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(ready)
		for first := int64(0); first < s.Len(); {
			p := part{rows: int(min(int64(most), s.Len()-first))}
			select {
			case p.columns = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			for i, c := range t.columns {
				p.columns[i] = p.columns[i][:p.rows*c.bytes]
			}
			if err := s.Read(ctx, framework.Stored, first, p.rows, p.columns); err != nil {
				return err
			}
			first += int64(p.rows)
			select {
			case ready <- p:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for p := range ready {
			if err := use(p.rows, p.columns); err != nil {
				return err
			}
			free <- p.columns
		}
		return nil
	})
	return g.Wait()
}

// glance asks the graph what enters layers.
type glance struct {
	t    *Trainer
	f    *Function // nil where the records are enough
	held map[int]*buffer
}

// take runs seen on some records and gives the layers of the level their parts.
func (g *glance) take(rows int, columns [][]byte, level int) error {
	if g.f == nil {
		return nil
	}
	b := g.held[rows]
	if b == nil {
		var err error
		if b, err = newBuffer(g.t.columns, 0, rows, false); err != nil {
			return err
		}
		g.held[rows] = b
	}
	for i, c := range g.t.columns {
		if b.texts[i] == nil {
			copy(b.dst[i], columns[i])
		} else if err := b.texts[i].fill(columns[i], rows*c.tensor().Elements()); err != nil {
			return err
		}
	}
	feeds := map[tf.Output]*tf.Tensor{}
	for name, tensor := range b.named {
		if in, ok := g.f.Inputs[name]; ok {
			feeds[in] = tensor
		}
	}
	got, err := g.f.Call(feeds)
	runtime.KeepAlive(b) // it owns the tensors' text
	if err != nil {
		return readable(err, g.t.options.Export)
	}
	parts := map[string]map[string]*tf.Tensor{}
	for i, name := range g.f.Outputs {
		layer, part, _ := strings.Cut(name, "_")
		if parts[layer] == nil {
			parts[layer] = map[string]*tf.Tensor{}
		}
		parts[layer][part] = got[i]
	}
	for _, l := range g.t.learners {
		if mine := parts[fmt.Sprintf("a%d", l.index)]; mine != nil && l.Level == level {
			if err := l.seen(mine); err != nil {
				return fmt.Errorf("layer %s: %w", l.Layer, err)
			}
		}
	}
	return nil
}

// set gives the layers of a level what was counted for them.
func (t *Trainer) set(level int, out []pipeline.Adapted) error {
	name := fmt.Sprintf("set%d", level)
	f, ok, err := t.model.Function(name)
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("the SavedModel has no signature %q", name))
	}
	s := setting{f: f, feeds: map[tf.Output]*tf.Tensor{}}
	for i, l := range t.learners {
		if l.Level != level {
			continue
		}
		parts, err := l.learn(&out[i])
		if err != nil {
			return refused(l.Adapt, err)
		}
		for part, x := range parts {
			in, ok := f.Inputs[fmt.Sprintf("a%d_%s", l.index, part)]
			if !ok {
				return fmt.Errorf("the signature %s does not take %s of layer %s", name, part, l.Layer)
			}
			s.feeds[in] = x.tensor
			s.owners = append(s.owners, x.owner)
		}
	}
	t.settings = append(t.settings, s)
	return s.run(t.options.Export)
}

// setting is a call of set, which is run again where variables are restored.
type setting struct {
	f      *Function
	feeds  map[tf.Output]*tf.Tensor
	owners []any
}

func (s setting) run(e pipeline.Export) error {
	_, err := s.f.Call(s.feeds)
	runtime.KeepAlive(s.owners)
	if err != nil {
		return fmt.Errorf("set what layers have learned: %w", readable(err, e))
	}
	return nil
}

// refused is what a person reads of a layer that could not learn.
func refused(a pipeline.Adapt, err error) error {
	e := &pipeline.Error{Op: "adapt", Kind: pipeline.Invalid, Field: "source", Err: err, Hint: "look at what the records hold there, and at what the layer does with it"}
	var many adapt.TooMany
	var unsound adapt.NotFinite
	what := err.Error()
	switch {
	case errors.As(err, &many):
		what = fmt.Sprintf("%v in the training split", err)
		e.Hint = "write keras.layers.Hashing(num_bins=...) in its place, which needs no vocabulary, or give it vocabulary=[...]; whoever runs kafkaml can set VOCABULARY_MAX higher"
	case errors.As(err, &unsound):
		what = fmt.Sprintf("of what enters it in the training split, %d of %d values are NaN or infinite", unsound.Values, unsound.Of)
		e.Hint = "fill or drop missing values before they are sent, or give the layer what it shall know"
	case errors.Is(err, adapt.ErrNothing):
		what = "it finds no value in the training split to learn from"
	}
	e.Reason = fmt.Sprintf("%s %q: %s", a.Class, a.Layer, what)
	return e
}

// shown is how many numbers of a layer are told.
const shown = 20

// firstOf are the first numbers of many, in so far as JSON has them.
func firstOf[N float32 | float64](all []N) []float64 {
	var out []float64
	for _, x := range all[:min(len(all), shown)] {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil
		}
		out = append(out, float64(x))
	}
	return out
}
