package keras

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// model.weights.h5 is read by whoever opens a .keras file, and HDF5 can name other
// files: by external links, storage outside of the file and virtual datasets. So all
// of it that can be reached is held to what Keras writes: groups and datasets that lie
// in one piece, in the first format of HDF5
// (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t11.html, version 0).

// The sizes of what every such file has, in bytes.
const (
	h5Superblock = 96
	h5Object     = 16 // the head of an object
	h5Message    = 8  // the head of a message
	h5Entry      = 40 // of a group
	h5Tree       = 24 // the head of a node
)

const (
	h5Nowhere   = math.MaxUint64 // an address of nothing
	h5MostParts = 200_000
	h5MostRank  = 32 // of a dataset
)

// The messages of an object that Keras writes (section IV.A.2).
const (
	h5Nil          = 0x00
	h5Dataspace    = 0x01
	h5Datatype     = 0x03
	h5OldFill      = 0x04
	h5Fill         = 0x05
	h5Layout       = 0x08
	h5Attribute    = 0x0c
	h5Changed      = 0x12
	h5Continuation = 0x10
	h5Group        = 0x11
)

// span is a part of the file: a dataset's values where data is set, else what says
// where things are.
type span struct {
	from, size int64
	data       bool
}

// met is an address by what is there.
type met struct {
	address uint64
	what    string
}

// weightsFile is an HDF5 file under check.
type weightsFile struct {
	bytes []byte
	seen  map[met]bool
	spans []span
	left  uint64 // bytes of the file that no part has taken
	err   error  // the first
}

// checkHDF5 holds a file of weights to groups and datasets of its own, and gives how
// many bytes each dataset has, by its offset. No two parts of the file overlap, so
// that values that are written into datasets change nothing else.
func checkHDF5(file []byte) (datasets map[int64]int64, err error) {
	w := &weightsFile{bytes: file, seen: map[met]bool{}, left: uint64(len(file))}
	if head := w.at(0, h5Superblock); w.err != nil || string(head[:len(hdf5)]) != hdf5 {
		return nil, errors.New("model.weights.h5 is no HDF5 file")
	} else if root, err := checkSuperblock(head); err != nil {
		return nil, err
	} else {
		w.entry(root)
	}
	if w.err != nil {
		return nil, fmt.Errorf("model.weights.h5: %w", w.err)
	}
	slices.SortFunc(w.spans, func(a, b span) int { return int(min(max(a.from-b.from, -1), 1)) })
	datasets = map[int64]int64{}
	end := int64(0)
	for _, s := range w.spans {
		if s.from < end {
			return nil, fmt.Errorf("model.weights.h5: two parts of it lie at %d", s.from)
		}
		if end = s.from + s.size; s.data {
			datasets[s.from] = s.size
		}
	}
	return datasets, nil
}

// checkSuperblock gives the entry of the root group.
func checkSuperblock(b []byte) (root []byte, err error) {
	const version, offsets, lengths, base, driver = 8, 13, 14, 24, 48
	if b[version] != 0 || b[offsets] != 8 || b[lengths] != 8 || u64(b[base:]) != 0 || u64(b[driver:]) != h5Nowhere {
		return nil, errors.New("model.weights.h5 is HDF5 of another kind than Keras writes")
	}
	return b[h5Superblock-h5Entry:], nil
}

func u16(b []byte) int    { return int(binary.LittleEndian.Uint16(b)) }
func u32(b []byte) int64  { return int64(binary.LittleEndian.Uint32(b)) }
func u64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func (w *weightsFile) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// at gives so many bytes that say where things are; nil, and an error, where there are
// not as many.
func (w *weightsFile) at(from, size uint64) []byte {
	if w.take(from, size, false); w.err != nil {
		return nil
	}
	return w.bytes[from : from+size]
}

func (w *weightsFile) take(from, size uint64, data bool) {
	all := uint64(len(w.bytes))
	switch {
	case from > all || size > all-from:
		w.fail("ends before %d", from)
	case size > w.left: // the cost is linear
		w.fail("has parts upon one another")
	case len(w.spans) >= h5MostParts:
		w.fail("has more than %d parts", h5MostParts)
	case size > 0:
		w.left -= size
		w.spans = append(w.spans, span{int64(from), int64(size), data}) // #nosec G115 -- within the file
	}
}

// first reports whether something was not met at an address before: what has two
// names is read once.
func (w *weightsFile) first(what string, address uint64) bool {
	m := met{address, what}
	was := w.seen[m]
	w.seen[m] = true
	return !was && w.err == nil
}

// entry follows one entry of a group (section III.C).
func (w *weightsFile) entry(b []byte) {
	const none, group = 0, 1 // what the entry keeps of its object; 2 is a symbolic link
	object, kept := u64(b[8:]), u32(b[16:])
	if kept != none && kept != group {
		w.fail("has a link to another name")
		return
	}
	if w.first("object", object) {
		w.object(object)
	}
	if kept == group { // HDF5 goes by this copy
		w.group(u64(b[24:]), u64(b[32:]))
	}
}

// object reads the messages of an object (section IV.A.1.a).
func (w *weightsFile) object(address uint64) {
	head := w.at(address, h5Object)
	if w.err != nil {
		return
	}
	if head[0] != 1 {
		w.fail("has an object of another form than Keras writes, at %d", address)
		return
	}
	var o object
	blocks := [][]byte{w.at(address+h5Object, uint64(u32(head[8:])))} // #nosec G115 -- 32 bits
	for ; len(blocks) > 0 && w.err == nil; blocks = blocks[1:] {
		blocks = append(blocks, w.messages(blocks[0], &o)...)
	}
	w.dataset(o)
}

// object is what the messages of one say that have to fit each other.
type object struct {
	elements uint64
	each     uint64 // bytes of an element
	layout   []byte
}

// messages reads those of one block, and gives the blocks in which they go on.
func (w *weightsFile) messages(b []byte, o *object) (more [][]byte) {
	for len(b) > 0 && w.err == nil {
		if len(b) < h5Message || u16(b[2:]) > len(b)-h5Message {
			w.fail("has a message that is cut off")
			return nil
		}
		kind, size, flags := u16(b), u16(b[2:]), b[4]
		body := b[h5Message : h5Message+size]
		b = b[h5Message+size:]
		const shared = 2
		switch {
		case flags&shared != 0:
			w.fail("has a type or a value that lies elsewhere")
		case kind == h5Continuation && size >= 16:
			more = append(more, w.at(u64(body), u64(body[8:])))
		case kind == h5Group && size >= 16:
			w.group(u64(body), u64(body[8:]))
		default:
			w.message(kind, body, o)
		}
	}
	return more
}

func (w *weightsFile) message(kind int, body []byte, o *object) {
	switch {
	case kind == h5Nil, kind == h5OldFill, kind == h5Fill, kind == h5Attribute, kind == h5Changed:
	case kind == h5Dataspace && len(body) >= 8:
		o.elements = w.dataspace(body)
	case kind == h5Datatype && len(body) >= 8:
		o.each = uint64(u32(body[4:])) // #nosec G115 -- 32 bits
	case kind == h5Layout && len(body) >= 4:
		o.layout = body
	default: // storage in other files, links, filters
		w.fail("has what Keras does not write (message %#x)", kind)
	}
}

// dataspace gives how many elements a dataset has (section IV.A.2.b).
func (w *weightsFile) dataspace(b []byte) uint64 {
	const versionHead = 8
	rank := int(b[1])
	if b[0] != 1 || rank > h5MostRank || len(b) < versionHead+8*rank {
		w.fail("has a shape of another form than Keras writes")
		return 0
	}
	n := uint64(1)
	for i := range rank {
		size := u64(b[versionHead+8*i:])
		if size > 0 && n > uint64(len(w.bytes))/size {
			w.fail("has a dataset that is larger than the file")
			return 0
		}
		n *= size
	}
	return n
}

// dataset holds where the values of one lie (section IV.A.2.i).
func (w *weightsFile) dataset(o object) {
	const version, compact, contiguous = 3, 0, 1
	b := o.layout
	switch {
	case w.err != nil || b == nil: // or a group
	case b[0] == version && b[1] == contiguous && len(b) >= 18:
		address, size := u64(b[2:]), u64(b[10:])
		if size != o.elements*o.each {
			w.fail("has a dataset of another size than its shape")
			return
		}
		if address != h5Nowhere && w.first("values", address) {
			w.take(address, size, true)
		} else if size > 0 {
			w.fail("has a dataset without values of its own")
		}
	case b[0] == version && b[1] == compact && uint64(u16(b[2:])) == o.elements*o.each: // #nosec G115 -- 16 bits
	default:
		w.fail("has a dataset that does not lie in one piece")
	}
}

// group follows the entries of one: the names in its heap, and a tree of nodes.
func (w *weightsFile) group(tree, heap uint64) {
	if w.first("heap", heap) {
		w.heap(heap)
	}
	w.nodes(tree, math.MaxUint8+1)
}

// heap holds the names of a group (section III.D).
func (w *weightsFile) heap(address uint64) {
	b := w.at(address, 32)
	if w.err != nil {
		return
	}
	if string(b[:4]) != "HEAP" {
		w.fail("has a group without names, at %d", address)
		return
	}
	w.at(u64(b[24:]), u64(b[8:]))
}

// nodes follows a node of a group's tree, which is of a level below so much (section
// III.A.1), or its entries (III.B).
func (w *weightsFile) nodes(address uint64, below int) {
	if !w.first("node", address) {
		return
	}
	head := w.at(address, 8)
	if w.err != nil {
		return
	}
	entries := uint64(u16(head[6:])) // #nosec G115 -- 16 bits
	switch level := int(head[5]); {
	case string(head[:4]) == "SNOD" && below == 0:
		all := w.at(address+8, entries*h5Entry)
		for ; len(all) > 0 && w.err == nil; all = all[h5Entry:] {
			w.entry(all)
		}
	case string(head[:4]) == "TREE" && head[4] == 0 && level < below:
		all := w.at(address+8, h5Tree-8+16*entries)
		for i := range entries {
			if w.err == nil {
				w.nodes(u64(all[h5Tree-8+16*i+8:]), level)
			}
		}
	default:
		w.fail("has a group of another form than Keras writes, at %d", address)
	}
}
