package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// recordsTold is how many records are read between two words about it.
const recordsTold = 4096

// read decodes the ranges, once, into the cache.
func (t *training) read(ctx context.Context, d *features.Decoder) (err error) {
	cluster, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	total, more := int64(0), int64(0)
	if u := t.Job.Unlabelled; u != nil {
		more = pipeline.Records(u.Ranges)
	}
	for _, r := range t.Job.Ranges {
		if j := d.Join(); j == nil || r.Topic != j.Topic {
			total += r.Length
		}
	}
	if t.cache, err = newCache(t.scratch, d.Inputs(), d.Labels(), samples(d, total)+more, t.memory()); err != nil {
		return err
	}
	t.values = newValues(d, t.Job.Export)
	t.bad = newSkips(d.Tolerance(), total)
	t.hash = newHasher()
	in := &intake{decoder: d, bad: t.bad, schemas: t.schemas, patience: t.patience(ctx), export: t.Job.Export, checks: features.NewChecks(t.Job.Export, d), cache: t.cache, hash: t.hash, values: t.values}
	ranges, err := t.join(ctx, cluster, in)
	if err != nil {
		return err
	}
	in.joined = t.joined
	take := in.take
	if t.window = d.Window(); t.window != nil {
		t.windows = d.NewSamples()
		in.windows, take = t.windows, in.takeStep
	}
	if err := cluster.ReadAll(ctx, ranges, t.Job.Order, func(rec stream.Record) error { return take(ctx, rec, t.report) }); err != nil {
		return op("read the stream", err)
	}
	if err := cluster.SameTopics(ctx, t.Job.TopicIDs); err != nil { // made anew while it was read
		return op("read the stream", err)
	}
	t.report.records(in.values.records)
	l := &t.outcome.Lineage
	l.Records, l.BytesRead = in.values.records, in.bytes
	return t.cache.seal()
}

// memory is how many bytes of a decoded stream may lie in memory.
func (t *training) memory() int64 { return cmp.Or(t.Memory, memoryBytes) }

// intake takes records from the stream into the cache.
type intake struct {
	decoder    *features.Decoder
	unlabelled bool // records are taken without a label
	joined     *joined
	windows    *features.Windows // nil where each record is a sample
	bad        *skips
	schemas    *schemas.Client
	patience   schemas.Patience
	export     pipeline.Export
	checks     *features.Checks
	cache      *cache
	hash       *hasher
	values     *values
	bytes      int64
	record     stream.Record // the one that is being taken: what is pointed to is not to be made anew for each
}

// note adds a record to the content hash and to the bytes that were read.
func (in *intake) note(r *stream.Record) {
	in.hash.add(r.Key)
	in.hash.add(r.Value)
	in.bytes += int64(len(r.Key) + len(r.Value))
}

func (in *intake) take(ctx context.Context, r stream.Record, report *reporter) error {
	in.note(&r)
	inputs, labels, err := in.decode(ctx, r, report)
	if err != nil || inputs == nil {
		return err
	}
	if err := in.values.add(inputs, labels); err != nil {
		return err
	}
	if in.cache.records%recordsTold == 0 {
		report.records(in.cache.records)
	}
	return nil
}

// decode takes a record into the cache, and gives its row there; nil: it is left out,
// or at fault and skipped.
func (in *intake) decode(ctx context.Context, r stream.Record, report *reporter) (inputs, labels [][]byte, err error) {
	if inputs, labels, err = in.cache.next(); err != nil {
		return nil, nil, err
	}
	in.record = r
	if err = in.fill(inputs, labels); codec.Lacks(err) {
		again := func() error { return in.fill(inputs, labels) }
		if err = in.schemas.Decode(ctx, again, in.patience); err == nil {
			report.stage(pipeline.StageReading)
		}
	}
	if err == nil {
		err = in.joined.counted(ctx, in, labels, &r)
	}
	switch {
	case err != nil:
	case in.unlabelled:
		err = in.checks.Inputs(inputs)
	default:
		err = in.checks.Record(inputs, labels, r.Key)
	}
	if err != nil {
		in.cache.undo()
		return nil, nil, in.bad.take(r, err, in.refuse)
	}
	return inputs, labels, nil
}

// fill decodes the record that is being taken.
func (in *intake) fill(inputs, labels [][]byte) error {
	if in.unlabelled {
		return in.decoder.Sample(inputs, &in.record)
	}
	return in.decoder.Record(inputs, labels, &in.record)
}

// refuse says which record cannot be taken.
func (in *intake) refuse(r stream.Record, err error) error {
	kind, hint := pipeline.Invalid, codec.Hint(err)
	var known *pipeline.Error
	if errors.As(err, &known) { // of the schema registry
		kind, hint = known.Kind, known.Hint
	}
	if hint == "" && strings.HasPrefix(err.Error(), "label:") {
		hint = codec.LabelHint(in.export)
	}
	if hint == "" {
		hint = "check input_format and input_config against what was sent, and the labels against the model's loss"
	}
	field := "topic"
	if in.unlabelled {
		field = "unsupervised_topic"
	}
	return &pipeline.Error{
		Op: "decode", Kind: kind, Field: field, Err: err,
		Reason: fmt.Sprintf("record %s[%d]@%d: %v", r.Topic, r.Partition, r.Offset, err), Hint: hint,
	}
}

// registryAway is how long a training waits for a schema registry that is away.
const registryAway = 5 * time.Minute

// patience waits for a schema registry that is away, and says so.
func (t *training) patience(ctx context.Context) schemas.Patience {
	return schemas.Patience{Most: registryAway, Waiting: func(err error) {
		t.report.stage(pipeline.StageRegistryAway)
		t.Log.WarnContext(ctx, "waiting for the schema registry", "result", t.Job.Result, "attempt", t.Job.Attempt, "error", err)
	}}
}

// hasher computes the content hash beside the reading: SHA-256 over each key
// and value in order, each with its length (4 bytes, big-endian) before it.
type hasher struct {
	h      hash.Hash
	buf    []byte
	full   chan []byte
	free   chan []byte
	ended  chan struct{}
	closed bool
}

const hashBlock = 1 << 20

func newHasher() *hasher {
	h := &hasher{h: sha256.New(), buf: make([]byte, 0, hashBlock), full: make(chan []byte), free: make(chan []byte, 1), ended: make(chan struct{})}
	h.free <- make([]byte, 0, hashBlock)
	go func() {
		defer close(h.ended)
		for b := range h.full {
			h.h.Write(b)
			h.free <- b[:0]
		}
	}()
	return h
}

func (h *hasher) add(b []byte) {
	h.buf = binary.BigEndian.AppendUint32(h.buf, uint32(len(b)))
	h.buf = append(h.buf, b...)
	if len(h.buf) >= hashBlock {
		h.full <- h.buf
		h.buf = <-h.free
	}
}

// close ends the goroutine; sum does too.
func (h *hasher) close() {
	if !h.closed {
		h.closed = true
		close(h.full)
		<-h.ended
	}
}

// sum is the hash in hex, of all that was added.
func (h *hasher) sum() string {
	h.close()
	h.h.Write(h.buf)
	return hex.EncodeToString(h.h.Sum(nil))
}
