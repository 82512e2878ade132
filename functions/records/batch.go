package records

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// The bounds of a batch that a model is to be tried on.
const (
	batchBytes   = 2 << 20 // of all tensors; a request may hold 4 MiB, and base64 takes a third more
	batchTracked = 8       // elements that each have their extremes; of larger tensors all have one pair
)

// sampler chooses, of many decoded records, the few that a model is tried on: the
// first of each partition, and those that hold the smallest and the largest
// numbers, which are what a table of ids or a logarithm has no room for. A nil
// sampler chooses none.
type sampler struct {
	tensors  []codec.Tensor // of a row
	inputs   int            // of tensors
	most     int            // records in all
	share    int            // first records of each partition
	first    map[int]int
	rows     []row
	extremes []extreme
	averaged []int // inputs in which NaN is a missing value
}

// row is one record's tensors, inputs before labels.
type row struct {
	place   pipeline.Place
	tensors [][]byte
}

// extreme is the least and the greatest number of one element of a tensor, or of
// all of them (element -1), and the records that hold them.
type extreme struct {
	tensor, element int
	least, greatest float64
	of              [2]*row
	unsound         *row // the first that holds no number
}

func newSampler(d *features.Decoder, most, partitions int) *sampler {
	inputs, labels := d.Inputs(), d.Labels()
	bytes := 0
	for _, t := range slices.Concat(inputs, labels) {
		bytes += t.Bytes()
	}
	if bytes > batchBytes {
		return nil // one record is too large
	}
	s := &sampler{tensors: slices.Concat(inputs, labels), inputs: len(inputs), most: most, share: max(1, most/2/max(1, partitions)), first: map[int]int{}, averaged: d.Averaged()}
	for i, t := range s.tensors {
		if t.DType == codec.String {
			continue
		}
		elements := []int{-1}
		if n := t.Elements(); n <= batchTracked {
			elements = elements[:0]
			for e := range n {
				elements = append(elements, e)
			}
		}
		for _, e := range elements {
			s.extremes = append(s.extremes, extreme{tensor: i, element: e, least: math.Inf(1), greatest: math.Inf(-1)})
		}
	}
	return s
}

// add looks at a record that was decoded.
func (s *sampler) add(r stream.Record, inputs, labels [][]byte) {
	if s == nil {
		return
	}
	all := slices.Concat(inputs, labels)
	var kept *row
	keep := func() *row {
		if kept == nil {
			kept = &row{place: pipeline.Place{Partition: r.Partition, Offset: r.Offset}, tensors: make([][]byte, len(all))}
			for i := range all {
				kept.tensors[i] = slices.Clone(all[i])
			}
		}
		return kept
	}
	if s.first[r.Partition] < s.share && len(s.rows) < (s.most+1)/2 {
		s.first[r.Partition]++
		s.rows = append(s.rows, *keep())
	}
	var numbers []float64
	of := -1
	for i := range s.extremes {
		x := &s.extremes[i]
		if x.tensor != of {
			of = x.tensor
			numbers, _ = codec.Floats(all[of], s.tensors[of].DType) // none of a type without numbers
		}
		x.see(numbers, slices.Contains(s.averaged, of), keep)
	}
}

// see takes the numbers of a record's tensor.
func (x *extreme) see(numbers []float64, gaps bool, keep func() *row) {
	if x.element >= 0 && x.element < len(numbers) {
		numbers = numbers[x.element : x.element+1]
	}
	for _, v := range numbers {
		switch {
		case math.IsNaN(v) && gaps:
		case math.IsNaN(v) || math.IsInf(v, 0):
			if x.unsound == nil {
				x.unsound = keep()
			}
		default:
			if v < x.least {
				x.least, x.of[0] = v, keep()
			}
			if v > x.greatest {
				x.greatest, x.of[1] = v, keep()
			}
		}
	}
}

// batch gives the records chosen, in the order of the topic, as many as there is
// room for; nil where there is none.
func (s *sampler) batch() *pipeline.Batch {
	if s == nil {
		return nil
	}
	chosen := slices.Clone(s.rows)
	add := func(r *row) {
		if r != nil && len(chosen) < s.most && !slices.ContainsFunc(chosen, func(c row) bool { return c.place == r.place }) {
			chosen = append(chosen, *r)
		}
	}
	for _, x := range s.extremes {
		add(x.unsound)
	}
	for _, x := range s.extremes {
		add(x.of[0])
		add(x.of[1])
	}
	bytes := 0
	for i, r := range chosen {
		for _, t := range r.tensors {
			bytes += len(t)
		}
		if bytes > batchBytes {
			chosen = chosen[:i]
			break
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	slices.SortFunc(chosen, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.place.Partition, b.place.Partition), cmp.Compare(a.place.Offset, b.place.Offset))
	})
	return s.packed(chosen)
}

func (s *sampler) packed(rows []row) *pipeline.Batch {
	b := &pipeline.Batch{Records: []pipeline.Place{}, Inputs: []pipeline.Packed{}, Labels: []pipeline.Packed{}}
	for _, r := range rows {
		b.Records = append(b.Records, r.place)
	}
	for i, t := range s.tensors {
		p := pipeline.Packed{Tensor: described(t)}
		for _, r := range rows {
			p.Data = append(p.Data, r.tensors[i]...)
		}
		if slices.Contains(s.averaged, i) {
			fill(p.Data, t)
		}
		if i < s.inputs {
			b.Inputs = append(b.Inputs, p)
		} else {
			b.Labels = append(b.Labels, p)
		}
	}
	return b
}

// fill lets the mean of the batch stand for numbers that are missing, as that of
// the training split does in a training.
func fill(data []byte, t codec.Tensor) {
	all, err := codec.Floats(data, t.DType)
	if err != nil { // only numbers have a mean
		return
	}
	n := t.Elements()
	for e := range n {
		sum, count := 0.0, 0
		for i := e; i < len(all); i += n {
			if !math.IsNaN(all[i]) {
				sum, count = sum+all[i], count+1
			}
		}
		mean := sum / float64(max(1, count))
		for i := e; i < len(all); i += n {
			if math.IsNaN(all[i]) {
				all[i] = mean
			}
		}
	}
	wide := make([]byte, 0, codec.Float64.Size()*len(all))
	for _, v := range all {
		wide = binary.LittleEndian.AppendUint64(wide, math.Float64bits(v))
	}
	_ = codec.Cast(data, t.DType, wide, codec.Float64) // such inputs are of floats, which take any number
}
