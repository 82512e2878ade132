package features

import (
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// windowMemory bounds what is kept of all keys of a stream's windows: a key takes
// the room of a window with its first record.
const windowMemory = 4 << 30

// PreviewMemory bounds it where a person looks at a few records.
const PreviewMemory = 64 << 20

// bounded refuses samples that take too much memory, as they are stored or as the
// model takes them, and too many keys.
func (d *Decoder) bounded(b codec.Binding) error {
	member := "input_config"
	if d.window != nil {
		member = memberWindow + ".size"
	}
	if err := codec.Bound(member, widened(d.Inputs(), b.Inputs), widened(d.Labels(), b.Labels)); err != nil {
		return err
	}
	return d.window.bound(d)
}

// widened are tensors of the wider of the types that are stored and wanted.
func widened(stored []codec.Tensor, wants []pipeline.Tensor) []codec.Tensor {
	all := slices.Clone(stored)
	for i := range min(len(all), len(wants)) {
		if to, err := codec.ParseDType(wants[i].DType); err == nil && to.Size() > all[i].DType.Size() {
			all[i].DType = to
		}
	}
	return all
}

// bound refuses more keys than windowMemory has room for where so many are asked
// for, and keeps fewer where nothing is said.
func (w *Window) bound(d *Decoder) error {
	if w == nil || w.whole {
		return nil
	}
	of, _ := d.places(true)
	room := int(windowMemory / of.keyBytes())
	switch {
	case w.Keys <= room:
		return nil
	case w.asked:
		return pipeline.Invalidf(memberWindow+".keys", "windows of %d records of %d keys would take more than %d GiB of memory", w.Size, w.Keys, windowMemory>>30).
			WithHint("name at most %d keys: those that have been longest without a record are forgotten; or make windows of fewer records", max(1, room))
	}
	w.Keys = max(1, room)
	return nil
}

// slotBytes is what a key takes beside its records, its name included.
const slotBytes = 200

// keyBytes is what one key takes.
func (s *shelves) keyBytes() int64 {
	const ofText, ofOffset, ofTime = 24, 8, 8
	n := int64(slotBytes) + int64(s.bytes) + int64(s.texts)*ofText + int64(s.cap)*ofOffset
	if s.times {
		n += int64(s.cap) * ofTime
	}
	if s.labels {
		n += int64(s.cap)
	}
	return n
}
