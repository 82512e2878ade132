package tensorflow

import (
	"encoding/binary"
	"fmt"
	"math"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/adapt"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// moments are those of a Normalization.
type moments struct {
	in      column
	counts  *adapt.Moments
	scratch []float64
	learned bool
}

func (m *moments) column(stored []byte) (err error) {
	if m.learned {
		return nil
	}
	if m.scratch, err = codec.AppendFloats(m.scratch[:0], stored, m.in.dtype); err == nil {
		m.counts.Add(m.scratch)
	}
	return err
}

func (m *moments) seen(parts map[string]*tf.Tensor) (err error) {
	if m.learned {
		return nil
	}
	if m.scratch, err = codec.AppendFloats(m.scratch[:0], Bytes(parts["numbers"]), codec.Float64); err == nil {
		m.counts.Add(m.scratch)
	}
	return err
}

func (m *moments) learn(a *pipeline.Adapted) (map[string]operand, error) {
	mean, variance, err := m.counts.Sum()
	if err != nil {
		return nil, err
	}
	m.learned = true
	a.Mean, a.Variance, a.Columns = firstOf(mean), firstOf(variance), len(mean)
	out := map[string]operand{}
	for name, values := range map[string][]float64{"mean": mean, "variance": variance} {
		tensor, err := tf.NewTensor(values)
		if err != nil {
			return nil, err
		}
		out[name] = operand{tensor, values}
	}
	return out, nil
}

func (m *moments) judge(*pipeline.Adapted) {}

func (m *moments) config() (map[string]any, error) { return nil, nil } // they are among the weights

// quantiles are those of a Discretization.
type quantiles struct {
	pipeline.Adapt
	in         column
	counts     *adapt.Quantiles
	scratch    []float32
	boundaries []float32
}

func (q *quantiles) column(stored []byte) error {
	all, err := codec.Floats(stored, q.in.dtype)
	if err != nil || q.boundaries != nil {
		return err
	}
	q.scratch = q.scratch[:0]
	for _, x := range all {
		q.scratch = append(q.scratch, float32(x))
	}
	q.counts.Add(q.scratch)
	return nil
}

func (q *quantiles) seen(parts map[string]*tf.Tensor) error {
	q.in.dtype = codec.Float32
	return q.column(Bytes(parts["numbers"]))
}

func (q *quantiles) learn(a *pipeline.Adapted) (map[string]operand, error) {
	boundaries, err := q.counts.Boundaries(q.Bins)
	if err != nil {
		return nil, err
	}
	if q.Exactly && len(boundaries) != q.Bins-1 {
		return nil, fmt.Errorf("the training split gives it %d boundaries, num_bins=%d needs %d: send more records, or make num_bins another number",
			len(boundaries), q.Bins, q.Bins-1)
	}
	q.boundaries = append(make([]float32, 0, 1), boundaries...)
	a.Boundaries, a.Bins = firstOf(boundaries), len(boundaries)+1
	tensor, err := tf.NewTensor(q.boundaries)
	return map[string]operand{"boundaries": {tensor, q.boundaries}}, err
}

func (q *quantiles) judge(*pipeline.Adapted) {}

func (q *quantiles) config() (map[string]any, error) {
	exact := make([]float64, len(q.boundaries))
	for i, b := range q.boundaries {
		exact[i] = float64(b)
	}
	return map[string]any{"bin_boundaries": exact}, nil
}

// wordType reads and writes the words of a vocabulary.
type wordType[K string | int64] interface {
	// each calls for every word of a column, or of a tensor of its type.
	each(stored []byte, call func(word K)) error
	stored(*tf.Tensor) ([]byte, error)
	tensor(words []K) (operand, error)
	parse(text string) (K, error)
	add(w *adapt.Words[K], stored []byte) error
	name(word K) string
	storable(word K) bool
}

// words is the vocabulary of a lookup.
type words[K string | int64] struct {
	pipeline.Adapt
	kind    wordType[K]
	counts  *adapt.Words[K]
	records int64
	kept    []adapt.Count[K]
	known   map[K]bool // of kept, once they are
	dropped map[K]bool
	held    int64
	unknown int64
}

func newWords[K string | int64](a pipeline.Adapt, most int, kind wordType[K]) *words[K] {
	w := &words[K]{Adapt: a, kind: kind, counts: adapt.NewWords[K](most), dropped: map[K]bool{}}
	for _, d := range a.Dropped {
		if word, err := kind.parse(d); err == nil {
			w.dropped[word] = true
		}
	}
	return w
}

func (w *words[K]) column(stored []byte) error {
	if w.known == nil {
		return w.kind.add(w.counts, stored)
	}
	return w.kind.each(stored, func(word K) { w.hold(word, 1) })
}

// hold takes a word of a record that is held back.
func (w *words[K]) hold(word K, times int64) {
	if w.dropped[word] {
		return
	}
	if w.held += times; !w.known[word] {
		w.unknown += times
	}
}

func (w *words[K]) seen(parts map[string]*tf.Tensor) error {
	stored, err := w.kind.stored(parts["words"])
	if err != nil {
		return err
	}
	counts := whole(parts["counts"])
	documents := whole(parts["documents"])
	if documents == nil {
		documents = make([]int64, len(counts))
	}
	if len(documents) != len(counts) {
		return fmt.Errorf("%d words are counted, %d in records", len(counts), len(documents))
	}
	i := 0
	err = w.kind.each(stored, func(word K) {
		if i < len(counts) {
			if w.known != nil {
				w.hold(word, counts[i])
			} else {
				w.counts.Add(word, counts[i], documents[i])
			}
		}
		i++
	})
	if err == nil && i != len(counts) {
		err = fmt.Errorf("%d words, %d counts", i, len(counts))
	}
	if w.known == nil {
		for _, n := range whole(parts["records"]) {
			w.records += n
		}
	}
	return err
}

func (w *words[K]) learn(a *pipeline.Adapted) (map[string]operand, error) {
	var dropped []K
	for d := range w.dropped {
		dropped = append(dropped, d)
	}
	var err error
	if w.kept, a.Met, err = w.counts.Vocabulary(w.Most, dropped...); err != nil {
		return nil, err
	}
	w.known = make(map[K]bool, len(w.kept))
	all, documents := make([]K, len(w.kept)), make([]int64, len(w.kept))
	for i, c := range w.kept {
		all[i], documents[i], w.known[c.Word] = c.Word, c.Documents, true
		if i < frequent {
			a.Frequent = append(a.Frequent, w.kind.name(c.Word))
		}
	}
	a.Words, a.Rarest = len(w.kept), w.kept[len(w.kept)-1].Times
	x, err := w.kind.tensor(all)
	if err != nil || !w.Documents {
		return map[string]operand{"words": x}, err
	}
	counts, err := tf.NewTensor(documents)
	if err != nil {
		return nil, err
	}
	records, err := tf.NewTensor(w.records)
	return map[string]operand{"words": x, "documents": {tensor: counts}, "records": {tensor: records}}, err
}

// frequent is how many words are told.
const frequent = 10

func (w *words[K]) judge(a *pipeline.Adapted) { a.Held, a.Unknown = w.held, w.unknown }

// config holds the words as a source would. The weights of words by records are
// among the weights of the file, which Keras reads after this.
func (w *words[K]) config() (map[string]any, error) {
	all, idf := make([]K, len(w.kept)), make([]float32, len(w.kept))
	for i, c := range w.kept {
		if !w.kind.storable(c.Word) {
			return nil, fmt.Errorf("%s %q has learned the word %q, which a .keras file cannot hold", w.Class, w.Layer, w.kind.name(c.Word))
		}
		all[i] = c.Word
		idf[i] = float32(math.Log(1 + float64(w.records)/float64(1+c.Documents)))
	}
	c := map[string]any{"vocabulary": all, "vocabulary_size": w.Start + len(all)}
	if w.Documents {
		c["idf_weights"] = idf
	}
	return c, nil
}

// whole are the numbers of a tensor of int64, nil where there is none.
func whole(t *tf.Tensor) []int64 {
	if t == nil {
		return nil
	}
	b := Bytes(t)
	out := make([]int64, len(b)/8)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(b[8*i:])) // #nosec G115 -- as it is stored
	}
	return out
}
