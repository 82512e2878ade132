package tensorflow

import (
	"context"
	"fmt"
	"iter"
	"slices"

	tf "github.com/galeone/tensorflow/tensorflow/go"
	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	// chunkBytes bounds the tensors of one call of a signature.
	chunkBytes = 32 << 20
	// trainedBytes bounds those of training steps: they are read while the
	// processor's cache still holds what was written.
	trainedBytes = 4 << 20
)

// call is one call of train or evaluate: steps batches of rows records.
type call struct {
	pass  int
	first int64 // record
	steps int
	rows  int // of each batch
	epoch int // 1-based; 0 in an evaluation
	last  bool
}

// records is how many records the call takes.
func (c call) records() int { return c.steps * c.rows }

// cut splits count batches from batch first on into calls: at most most full
// batches each, and the short last batch, which has a shape of its own, alone.
func cut(total int64, batch, most, first, count int) []call {
	var out []call
	full := int(total / int64(batch))
	for at, end := first, first+count; at < end; {
		c := call{first: int64(at) * int64(batch), steps: min(end, full) - at, rows: batch}
		if c.steps <= 0 {
			c.steps, c.rows = 1, int(total%int64(batch))
		}
		c.steps = min(c.steps, most)
		out = append(out, c)
		at += c.steps
	}
	if len(out) > 0 {
		out[len(out)-1].last = true
	}
	return out
}

// batches is ceil(total / batch).
func batches(total int64, batch int) int { return int((total + int64(batch) - 1) / int64(batch)) }

// column is an input or label of the training signatures.
type column struct {
	name  string // of the signature's input: x0, y0 ...
	dtype codec.DType
	shape []int64 // of one record
	bytes int     // of one record; 0 for text
}

// tensor is the layout of one record.
func (c column) tensor() codec.Tensor {
	shape := make([]int, len(c.shape))
	for i, s := range c.shape {
		shape[i] = int(s)
	}
	return codec.Tensor{Name: c.name, DType: c.dtype, Shape: shape}
}

// textBytes is what an element of text is taken to need.
const textBytes = 256

// room is the bytes that a record may be counted with.
func (c column) room() int {
	if c.dtype == codec.String {
		return c.tensor().Elements() * textBytes
	}
	return c.bytes
}

// part is the bytes of rows records from record at on.
func (c column) part(stored []byte, at, rows int) []byte {
	if c.dtype != codec.String {
		return stored[at*c.bytes : (at+rows)*c.bytes]
	}
	_, rest, err := codec.Cut(c.tensor(), stored, at)
	if err == nil {
		rest, _, err = codec.Cut(c.tensor(), rest, rows)
	}
	if err != nil { // of records that are not there
		return nil
	}
	return rest
}

// columns resolves the open sizes of the export's tensors by what the stream
// holds.
func columns(e pipeline.Export, inputs, labels []codec.Tensor) ([]column, error) {
	if len(inputs) != len(e.Inputs) || len(labels) != len(e.Labels) {
		return nil, fmt.Errorf("the stream has %d inputs and %d labels, the model wants %d and %d",
			len(inputs), len(labels), len(e.Inputs), len(e.Labels))
	}
	var out []column
	for i, t := range e.Inputs {
		c, err := newColumn(fmt.Sprintf("x%d", i), t, inputs[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	for i, t := range e.Labels {
		c, err := newColumn(fmt.Sprintf("y%d", i), t, labels[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func newColumn(name string, want pipeline.Tensor, have codec.Tensor) (column, error) {
	d, err := codec.ParseDType(want.DType)
	if err != nil {
		return column{}, err
	}
	c := column{name: name, dtype: d, bytes: have.Elements() * d.Size()}
	open, known := -1, 1
	for i, s := range want.Shape {
		c.shape = append(c.shape, int64(s))
		switch {
		case s >= 0:
			known *= s
		case len(have.Shape) == len(want.Shape):
			c.shape[i] = int64(have.Shape[i])
			known *= have.Shape[i]
		case open >= 0:
			return column{}, fmt.Errorf("tensor %s: shape %v of the model leaves more open than shape %v of the stream tells", want.Name, want.Shape, have.Shape)
		default:
			open = i
		}
	}
	if open >= 0 && known > 0 {
		c.shape[open] = int64(have.Elements() / known)
		known *= int(c.shape[open])
	}
	if known != have.Elements() {
		return column{}, fmt.Errorf("tensor %s: the model wants shape %v, the stream has %v", want.Name, want.Shape, have.Shape)
	}
	return c, nil
}

// buffer holds the tensors of one call; it is filled again and again.
type buffer struct {
	named map[string]*tf.Tensor // by input of the signature, steps included
	dst   [][]byte              // the columns' memory; of text, the bytes that it was filled from
	texts []*texts              // by column, nil for numbers
	steps []byte
	w     []byte // sample weights, nil unless wanted
}

// newBuffer allocates tensors of [steps, rows, record], of [rows, record] where
// steps is 0.
func newBuffer(cols []column, steps, rows int, weighted bool) (*buffer, error) {
	b := &buffer{named: map[string]*tf.Tensor{}}
	lead := []int64{int64(steps), int64(rows)}
	if steps == 0 {
		lead = lead[1:]
	}
	for _, c := range cols {
		if err := b.add(c, slices.Concat(lead, c.shape)); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	if weighted {
		t, err := NewTensor(codec.Float32, int64(steps), int64(rows))
		if err != nil {
			return nil, err
		}
		b.named["w"], b.w = t, Bytes(t)
	}
	t, err := NewTensor(codec.Int32)
	if err != nil {
		return nil, err
	}
	b.named["steps"], b.steps = t, Bytes(t)
	return b, nil
}

// feeds are the tensors of a buffer as the inputs of a signature.
func (f *Function) feeds(b *buffer) map[tf.Output]*tf.Tensor {
	feeds := make(map[tf.Output]*tf.Tensor, len(b.named))
	for name, tensor := range b.named {
		if in, ok := f.Inputs[name]; ok { // an input that nothing reads may be gone
			feeds[in] = tensor
		}
	}
	return feeds
}

// add makes the tensor of a column.
func (b *buffer) add(c column, shape []int64) error {
	if c.dtype == codec.String {
		x, err := newTexts(shape...)
		if err != nil {
			return err
		}
		b.named[c.name], b.dst, b.texts = x.tensor, append(b.dst, nil), append(b.texts, x)
		return nil
	}
	t, err := NewTensor(c.dtype, shape...)
	if err != nil {
		return err
	}
	b.named[c.name], b.dst, b.texts = t, append(b.dst, Bytes(t)), append(b.texts, nil)
	return nil
}

// fill reads the records of c.
func (b *buffer) fill(ctx context.Context, cols []column, s framework.Split, c call, weigh func(*buffer, int)) error {
	dst := make([][]byte, len(cols))
	for i, col := range cols {
		dst[i] = b.dst[i][:c.records()*col.bytes]
	}
	if err := s.Read(ctx, c.pass, c.first, c.records(), dst); err != nil {
		return err
	}
	for i, x := range b.texts {
		if x == nil {
			continue
		}
		b.dst[i] = dst[i]
		if err := x.fill(dst[i], c.records()*cols[i].tensor().Elements()); err != nil {
			return fmt.Errorf("column %s: %w", cols[i].name, err)
		}
	}
	putInt32(b.steps, c.steps)
	if weigh != nil {
		weigh(b, c.records())
	}
	return nil
}

// walk fills buffers for the calls in turn, one ahead of use, and gives each
// to use. It returns when both are done.
func walk(ctx context.Context, f *feeder, calls iter.Seq[call], use func(call, *buffer) error) error {
	type filled struct {
		call
		*buffer
	}
	g, ctx := errgroup.WithContext(ctx)
	ready := make(chan filled)
	g.Go(func() error {
		defer close(ready)
		for c := range calls {
			b, err := f.take(ctx, c.rows)
			if err != nil {
				return err
			}
			if err := b.fill(ctx, f.cols, f.split, c, f.weigh); err != nil {
				return err
			}
			select {
			case ready <- filled{c, b}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for r := range ready {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := use(r.call, r.buffer); err != nil {
				return err
			}
			f.free[r.rows] <- r.buffer
		}
		return nil
	})
	return g.Wait()
}

// feeder reads a split through at most two buffers of each shape. It is used
// by one walk at a time.
type feeder struct {
	split framework.Split
	cols  []column
	batch int
	most  int // batches a call, 0: one batch without an axis of steps
	weigh func(*buffer, int)
	free  map[int]chan *buffer // by rows
	made  map[int]int
}

// newFeeder sizes the buffers, of so many bytes where more than one batch is to
// fit; steps is the most batches that one call can have any use of, 0 for calls of
// one batch without an axis of steps.
func newFeeder(s framework.Split, cols []column, batch, steps, bytes int, weigh func(*buffer, int)) *feeder {
	record := 1
	for _, c := range cols {
		record += c.room()
	}
	f := &feeder{split: s, cols: cols, batch: batch, weigh: weigh, made: map[int]int{}, free: map[int]chan *buffer{
		batch: make(chan *buffer, 2), int(s.Len() % int64(batch)): make(chan *buffer, 2),
	}}
	f.most = max(min(1, steps), min(steps, bytes/(record*batch), int(s.Len()/int64(batch))))
	return f
}

// take gives a buffer for calls of rows records a batch: a new one, while there
// are less than two, else the next that is given back to free.
func (f *feeder) take(ctx context.Context, rows int) (*buffer, error) {
	select {
	case b := <-f.free[rows]:
		return b, nil
	default:
	}
	if f.made[rows] < 2 {
		f.made[rows]++
		steps := f.most
		if rows != f.batch {
			steps = min(1, steps)
		}
		return newBuffer(f.cols, steps, rows, f.weigh != nil)
	}
	select {
	case b := <-f.free[rows]:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
