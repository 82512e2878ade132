package train

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The trials of a study train on one stream, each in a process of its own. The
// first reads and decodes it, and keeps what that came to in the store, for the
// others: the length of the head (8 bytes), the head, the rows of the cache in the
// order of the splits, their text, and the SHA-256 of all that.

// head says what tensors are kept.
type head struct {
	Layout    string // of a row
	Rows      int64  // bytes
	Text      int64  // bytes
	Records   int64
	Audit     pipeline.SplitAudit
	BytesRead int64
	Hash      string // of the content
	Fills     [][]float64
}

// maxHead bounds a head, in bytes.
const maxHead = 64 << 20

func (c *cache) layout() string { return fmt.Sprint(c.inputs, c.fields) }

// textBytes is the size of the text beside the rows.
func (c *cache) textBytes() int64 {
	if c.text == nil {
		return 0
	}
	return c.text.size
}

// keepTensors stores the cache for the other trials. Where it cannot be stored they
// read the stream themselves.
func (t *training) keepTensors(ctx context.Context) {
	if t.Job.Tensors == "" {
		return
	}
	if err := t.store.Put(ctx, t.Job.Tensors, t.tensors(ctx)); err != nil && ctx.Err() == nil {
		t.Log.WarnContext(ctx, "the tensors of the study were not kept: its next trial reads the stream again", "result", t.Job.Result, "error", err)
	}
}

// tensors is what is kept, as it is read.
func (t *training) tensors(ctx context.Context) io.Reader {
	r, w := io.Pipe()
	go func() { // ends with its reader: Put reads all, or closes it by its context
		stop := context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
		defer stop()
		w.CloseWithError(t.writeTensors(ctx, w))
	}()
	return r
}

func (t *training) writeTensors(ctx context.Context, to io.Writer) error {
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<20)
	l := t.outcome.Lineage
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(head{
		Layout: t.cache.layout(), Rows: t.cache.records * int64(t.cache.row), Text: t.cache.textBytes(), Records: l.Records,
		Audit: *t.outcome.Split, BytesRead: l.BytesRead, Hash: l.ContentHash, Fills: t.cache.fills,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...)) // #nosec G115 -- not negative
	if err == nil {
		err = t.cache.each(ctx, 0, func(row []byte) error {
			_, err := w.Write(row)
			return err
		})
	}
	if err == nil && t.cache.text != nil {
		_, err = io.Copy(w, t.cache.text.reader())
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	_, err = to.Write(sum.Sum(nil))
	return err
}

// reader reads all text that is stored, from its beginning.
func (s *textStore) reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.memory)
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

// kept gives what an earlier trial has kept of the stream, nil where nothing can be
// used: then the stream is read.
func (t *training) kept(ctx context.Context, d *features.Decoder) *head {
	if t.Job.Tensors == "" {
		return nil
	}
	h, err := t.openTensors(ctx, d)
	if err == nil {
		t.window, t.values = d.Window(), newValues(d, t.Job.Export)
		l := &t.outcome.Lineage
		l.Records, l.BytesRead, l.ContentHash = h.Records, h.BytesRead, h.Hash
		t.report.records(h.Records)
		return h
	}
	if t.cache != nil {
		err = errors.Join(err, t.cache.close())
		t.cache = nil
	}
	if pipeline.KindOf(err) != pipeline.NotFound {
		t.Log.WarnContext(ctx, "the tensors of the study cannot be used: the stream is read", "result", t.Job.Result, "error", err)
	}
	return nil
}

func (t *training) openTensors(ctx context.Context, d *features.Decoder) (h *head, err error) {
	content, _, err := t.store.Get(ctx, t.Job.Tensors)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	sum := sha256.New()
	r := io.TeeReader(bufio.NewReaderSize(content, 1<<20), sum)
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint64(size[:])
	if n > maxHead {
		return nil, errors.New("its head is too large")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	h = &head{}
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(h); err != nil {
		return nil, err
	}
	if err := t.fillCache(r, *h, d); err != nil {
		return nil, err
	}
	want := sum.Sum(nil)
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		return nil, errors.New("it is not what was stored: its hash differs")
	}
	return h, nil
}

// fillCache makes the cache and reads its rows and text.
func (t *training) fillCache(r io.Reader, h head, d *features.Decoder) (err error) {
	probe, err := newCache(t.scratch, d.Inputs(), d.Labels(), 0, memoryBytes)
	if err != nil {
		return err
	}
	if probe.layout() != h.Layout || probe.row == 0 || h.Rows%int64(probe.row) != 0 || h.Rows < 0 || h.Text < 0 || h.Text > 0 && probe.text == nil {
		return errors.New("it is of another stream")
	}
	records := h.Rows / int64(probe.row)
	if t.cache, err = newCache(t.scratch, d.Inputs(), d.Labels(), records, t.memory()); err != nil {
		return err
	}
	c := t.cache
	if c.memory != nil {
		c.memory = c.memory[:h.Rows]
		_, err = io.ReadFull(r, c.memory)
	} else {
		_, err = io.CopyN(c.out, r, h.Rows)
		c.undone = true // last holds none of them
	}
	if err != nil {
		return err
	}
	c.records = records
	if c.text != nil {
		if _, err := io.CopyN(textWriter{c.text}, r, h.Text); err != nil {
			return err
		}
	}
	return c.seal()
}

// textWriter adds to a store as it is written to.
type textWriter struct{ *textStore }

func (w textWriter) Write(b []byte) (int, error) {
	_, err := w.add(b)
	return len(b), err
}
