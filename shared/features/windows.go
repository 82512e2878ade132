package features

import (
	"fmt"
	"math"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Windows keeps the last records of each key, and gives the windows that they
// make. It is for one goroutine at a time, and for records in the order of their
// stream. A key takes as many bytes as its records' tensors have, 8 to 17 more for
// each of these records, and about 200 with its name; in the long run a record
// allocates nothing.
type Windows struct {
	decoder  *Decoder
	window   *Window
	training bool
	step     stepRead
	kept     []keptTensor
	shelves  shelves
	slots    map[string]int32
	recent   recency
	least    oldest
	counts   pipeline.Windows
	covered  int64  // records that are of a window
	most     int64  // records of the key that has most
	mostOf   string // and that key
	shortest uint64 // of the windows that were too long, in milliseconds
	now      int32  // the slot of the record that was taken in last
}

// keptTensor is where a tensor of a record lies among what is kept of its key: one
// place after the other for each record.
type keptTensor struct {
	bytes int  // of a record; of text 0
	at    int  // among the bytes of a key, or where it is text among its texts
	text  bool // its size differs from record to record
	last  bool // a window has but that of its last record, which is not kept
	one   bool // a window has but that of its last record
}

// NewWindows gives the windows that predictions are made of. Its records are those
// of one partition.
func (d *Decoder) NewWindows() *Windows { return d.newWindows(false) }

// NewSamples gives the windows of a training, with labels.
func (d *Decoder) NewSamples() *Windows { return d.newWindows(true) }

// NewPreview is NewSamples for a look at a few records: of more keys than a little
// memory has room for, those are forgotten that have been longest without one.
func (d *Decoder) NewPreview() *Windows {
	w := d.newWindows(true)
	w.shelves.most = max(1, min(w.shelves.most, int(PreviewMemory/w.shelves.keyBytes())))
	return w
}

func (d *Decoder) newWindows(training bool) *Windows {
	w := &Windows{decoder: d, window: d.window, training: training, step: newStepRead(d), slots: map[string]int32{}, now: -1}
	w.counts.Size = w.window.Size
	w.shelves, w.kept = d.places(training)
	w.recent = recency{shelves: &w.shelves, newest: -1, eldest: -1}
	return w
}

// places lays out what is kept of a key, tensor by tensor.
func (d *Decoder) places(training bool) (s shelves, all []keptTensor) {
	w := d.window
	cap := w.Size
	if training {
		cap += w.late()
	}
	s = shelves{cap: cap, times: w.Within > 0, labels: training, most: w.Keys}
	if w.whole {
		s.most = 1
	}
	for i, t := range d.inputs {
		still := w.still[i]
		all = append(all, s.keep(t, still, still && (!training || w.late() == 0)))
	}
	if training {
		for _, t := range d.labels {
			all = append(all, s.keep(t, false, false))
		}
	}
	return s, all
}

// Sample takes a record in and reports whether dst now holds the inputs of the
// window that it ends: dst is as of codec.Decoder.Sample, for Inputs. The error is
// ErrLeftOut for a record that where leaves out, *codec.Missing where a schema is
// to be learned first, else why the record is at fault; with any of them nothing
// has changed, so that it can be called again.
func (w *Windows) Sample(dst [][]byte, r *stream.Record) (full bool, err error) {
	if err := w.fits(dst); err != nil {
		return false, err
	}
	if _, err := w.decoder.readStep(&w.step, r, false); err != nil {
		return false, err
	}
	if !w.Add(r, false) {
		return false, nil
	}
	w.Put(dst, nil)
	return true, nil
}

// fits refuses memory that is not that of a window.
func (w *Windows) fits(dst [][]byte) error {
	if len(dst) != len(w.decoder.inputs) {
		return fmt.Errorf("%d tensors are given, %d are wanted", len(dst), len(w.decoder.inputs))
	}
	for i := range dst {
		k := &w.kept[i]
		want := k.bytes * w.window.Size
		if k.one {
			want = k.bytes
		}
		if !k.text && len(dst[i]) != want {
			return fmt.Errorf("tensor %d has room for %d bytes, %d are wanted", i, len(dst[i]), want)
		}
	}
	return nil
}

// Read decodes a training record, its key and its label, for Add. Its errors are
// as those of Sample; that of the label alone is kept apart, unless a schema is to
// be learned for it: the record can be of a window all the same.
func (w *Windows) Read(r *stream.Record) (label, err error) {
	if label, err = w.decoder.readStep(&w.step, r, true); err == nil && codec.Lacks(label) {
		return nil, label
	}
	return label, err
}

// Step is what Read has decoded: the tensors of Decoder.Step, until the next
// record. A label that comes from elsewhere is written here before Add.
func (w *Windows) Step() (inputs, labels [][]byte) { return w.step.inputs, w.step.labels }

// Add takes in the record that was read, labelled where Step holds its label, and
// reports whether a sample is now complete: with all labels of its horizon.
func (w *Windows) Add(r *stream.Record, labelled bool) bool {
	at, known := w.slots[string(w.step.key)]
	if !known {
		at = w.enter(r)
	}
	w.recent.touch(at)
	w.now = at
	s := w.shelves.slot(at)
	w.note(s, r, known)
	w.keep(s, at, r, labelled)
	if s.count++; s.count > w.most {
		w.most, w.mostOf = s.count, s.key
	}
	w.counts.Records++
	return w.complete(s, at)
}

// enter finds room for a key, which if need be is that of the one longest without
// a record.
func (w *Windows) enter(r *stream.Record) int32 {
	var at int32
	if w.shelves.full() {
		at = w.recent.eldest
		delete(w.slots, w.shelves.slot(at).key)
		w.counts.Forgotten++
	} else {
		at = w.shelves.add()
		w.recent.add(at)
		if !w.training {
			w.least.add(at, r.Offset)
		}
	}
	key := string(w.step.key)
	*w.shelves.slot(at) = slot{key: key, newer: w.shelves.slot(at).newer, older: w.shelves.slot(at).older}
	w.slots[key] = at
	w.counts.Keys++
	return at
}

// note compares a record with the one of its key before it.
func (w *Windows) note(s *slot, r *stream.Record, known bool) {
	millis := int64(0)
	if !r.Time.IsZero() {
		millis = r.Time.UnixMilli()
	}
	if known {
		if millis < s.millis {
			w.counts.Backwards++
		}
		if !s.spread && (s.partition != r.Partition || s.topic != r.Topic) {
			s.spread = true
			w.counts.Spread++
		}
	}
	s.millis, s.topic, s.partition = millis, r.Topic, r.Partition
}

// keep writes the record that was read over the one that is no longer wanted.
func (w *Windows) keep(s *slot, at int32, r *stream.Record, labelled bool) {
	k := w.shelves.kept(at)
	place := int(s.count % int64(w.shelves.cap))
	k.offsets[place] = r.Offset
	if k.times != nil {
		k.times[place] = s.millis
	}
	if k.labelled != nil {
		k.labelled[place] = 0
		if labelled {
			k.labelled[place] = 1
		}
	}
	inputs := len(w.step.inputs)
	for i := range w.kept {
		t := &w.kept[i]
		if t.last {
			continue
		}
		from := w.step.inputs
		n := i
		if i >= inputs {
			from, n = w.step.labels, i-inputs
		}
		if t.text {
			text := &k.texts[t.at+place]
			*text = append((*text)[:0], from[n]...)
			continue
		}
		copy(k.data[t.at+place*t.bytes:][:t.bytes], from[n])
	}
}

// complete reports whether the record that came last completes a sample.
func (w *Windows) complete(s *slot, at int32) bool {
	last := s.count - 1
	if w.training {
		last -= int64(w.window.late())
	}
	first := last - int64(w.window.Size) + 1
	if first < 0 || w.training && first%int64(w.window.Stride) != 0 {
		return false
	}
	if !w.near(at, first, last) {
		return false
	}
	if w.training && !w.labelled(at, last) {
		w.counts.Unlabelled++
		return false
	}
	w.counts.Windows++
	w.covered += last + 1 - max(first, s.covered)
	s.covered = last + 1
	return true
}

// near reports whether a window's records lie near enough to each other.
func (w *Windows) near(at int32, first, last int64) bool {
	if w.window.Within == 0 {
		return true
	}
	times, cap := w.shelves.kept(at).times, int64(w.shelves.cap)
	begin, end := times[first%cap], times[last%cap]
	apart := uint64(max(begin, end)) - uint64(min(begin, end)) // #nosec G115 -- which is right for any two
	if apart <= uint64(w.window.Within.Milliseconds()) {       // #nosec G115 -- a span is above 0
		return true
	}
	if w.counts.TooLong == 0 || apart < w.shortest {
		w.shortest = apart
	}
	w.counts.TooLong++
	return false
}

// labelled reports whether all records whose labels a window takes have one.
func (w *Windows) labelled(at int32, last int64) bool {
	if len(w.decoder.labels) == 0 {
		return true
	}
	labelled, cap := w.shelves.kept(at).labelled, int64(w.shelves.cap)
	for i := last + int64(w.window.First); i <= last+int64(w.window.Last); i++ {
		if labelled[i%cap] == 0 {
			return false
		}
	}
	return true
}

// Put writes the sample that Add completed: memory is as of Sample, for Inputs
// and Labels.
func (w *Windows) Put(inputs, labels [][]byte) {
	k := w.shelves.kept(w.now)
	last := w.shelves.slot(w.now).count - 1
	if w.training {
		last -= int64(w.window.late())
	}
	for i := range inputs {
		t := &w.kept[i]
		switch {
		case t.last:
			inputs[i] = append(inputs[i][:0], w.step.inputs[i]...)
		case t.one:
			inputs[i] = w.gather(inputs[i], t, k, last, 1)
		default:
			inputs[i] = w.gather(inputs[i], t, k, last-int64(w.window.Size)+1, w.window.Size)
		}
	}
	for i := range labels {
		labels[i] = w.gather(labels[i], &w.kept[len(inputs)+i], k, last+int64(w.window.First), w.window.Last-w.window.First+1)
	}
}

// gather copies a tensor of n records, one after the other from the first.
func (w *Windows) gather(dst []byte, t *keptTensor, k kept, first int64, n int) []byte {
	from := int(first % int64(w.shelves.cap))
	whole := min(n, w.shelves.cap-from)
	dst = dst[:0]
	if !t.text {
		dst = append(dst, k.data[t.at+from*t.bytes:][:whole*t.bytes]...)
		return append(dst, k.data[t.at:][:(n-whole)*t.bytes]...)
	}
	for i := range n {
		dst = append(dst, k.texts[t.at+(from+i)%w.shelves.cap]...)
	}
	return dst
}

// From is the least offset from which reading again restores what later windows
// take of the records so far: the smallest one of the records that are kept for
// them; next where there are none. It never falls as records are taken in.
func (w *Windows) From(next int64) int64 {
	keeps := int64(w.window.Size - 1)
	if keeps == 0 {
		return next
	}
	return min(next, w.least.from(func(at int32) int64 {
		count := w.shelves.slot(at).count
		return w.shelves.kept(at).offsets[(count-min(count, keeps))%int64(w.shelves.cap)]
	}, next))
}

// Counts are what came of the records so far.
func (w *Windows) Counts() pipeline.Windows {
	c := w.counts
	c.Unused = c.Records - w.covered
	return c
}

// Waiting says how many records a key has at most, and which it is; of no record,
// 0.
func (w *Windows) Waiting() (most int64, key string) { return w.most, w.mostOf }

// Nothing says why no window came of the records, nil where one did or there was
// no record.
func (w *Windows) Nothing() error {
	c := w.Counts()
	wants := w.window.Size + w.window.late()
	switch {
	case c.Windows > 0 || c.Records == 0:
		return nil
	case c.Unlabelled > 0:
		return pipeline.Invalidf("input_config.label", "%d windows of %d records were found, and each lacks a label that its horizon wants", c.Unlabelled, c.Size).
			WithHint("see that the records that the labels are to come from have one")
	case c.TooLong > 0:
		return pipeline.Invalidf(memberWindow+".within", "no %d records of a key lie within %s; the shortest such run takes %s", c.Size, w.window.Within, spanOf(w.shortest)).
			WithHint("allow more time, make windows of fewer records, or leave within out")
	case w.window.whole:
		return pipeline.Invalidf(memberWindow+".size", "the stream has %d records for windows of %s", w.most, w.wants(wants)).
			WithHint("make windows of fewer records, or announce more of the topic")
	}
	reason := fmt.Sprintf("no key has %s; the most is %d, of key %s", w.wants(wants), w.most, shown([]byte(w.mostOf)))
	if c.Forgotten > 0 {
		reason += fmt.Sprintf("; %d keys were forgotten, as %d are kept at once", c.Forgotten, w.window.Keys)
	}
	return pipeline.Invalidf(memberWindow+".size", "%s", reason).
		WithHint("make windows of fewer records, announce more of the topic, or name another field in by")
}

// spanOf is a time in milliseconds as a span, or the longest one that there is.
func spanOf(millis uint64) time.Duration {
	return time.Duration(min(millis, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond // #nosec G115 -- not more than the largest
}

func (w *Windows) wants(records int) string {
	if records == w.window.Size {
		return fmt.Sprintf("%d records", records)
	}
	return fmt.Sprintf("%d records, %d of a window and %d to its last label", records, w.window.Size, w.window.late())
}

// keep lays out a tensor among what is kept of a key.
func (s *shelves) keep(t codec.Tensor, one, last bool) keptTensor {
	k := keptTensor{bytes: t.Bytes(), text: t.DType == codec.String, one: one, last: last}
	switch {
	case last:
	case k.text:
		k.at = s.texts
		s.texts += s.cap
	default:
		k.at = s.bytes
		s.bytes += s.cap * k.bytes
	}
	return k
}
