package train

import (
	"context"
	"fmt"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// average computes what stands for missing values where that is the mean of the
// training split, by input, and has the cache give it from now on.
func (t *training) average(ctx context.Context, d *features.Decoder) (map[string][]float64, error) {
	wanted := d.Averaged()
	if len(wanted) == 0 {
		return nil, nil
	}
	steps, _ := d.Step()
	sums, err := t.sums(ctx, wanted, steps)
	if err != nil {
		return nil, err
	}
	means := map[string][]float64{}
	fills := make([][]float64, len(t.cache.fields))
	for i, at := range wanted {
		f := steps[at]
		mean := make([]float64, f.Elements())
		for k := range mean {
			s := sums[i][k]
			if s.count == 0 {
				name := fmt.Sprintf("%s[%d]", f.Name, k)
				if k < len(f.Fields) {
					name = f.Fields[k]
				}
				return nil, pipeline.Invalidf("input_config.inputs", "%s is missing in every record of the training split: there is no mean of it", name).
					WithHint(`give a constant ("missing": 0), or leave it out`)
			}
			mean[k] = s.mean
		}
		means[f.Name], fills[at] = mean, mean
	}
	t.cache.fills = fills
	return means, nil
}

// running is the mean of the numbers so far.
type running struct {
	count int64
	mean  float64
}

// sums reads the training split once, in its order. With windows an element has a
// mean over all of a window's records.
func (t *training) sums(ctx context.Context, wanted []int, steps []codec.Tensor) ([][]running, error) {
	all := make([][]running, len(wanted))
	for i, at := range wanted {
		all[i] = make([]running, steps[at].Elements())
	}
	columns := t.train.columns
	const rows = 256
	dst := make([][]byte, len(columns))
	var numbers []float64
	for first := int64(0); first < t.train.Len(); first += rows {
		n := int(min(rows, t.train.Len()-first))
		for i, c := range columns {
			if c.DType == codec.String {
				dst[i] = dst[i][:0]
				continue
			}
			if dst[i] == nil {
				dst[i] = make([]byte, rows*c.Bytes())
			}
			dst[i] = dst[i][:n*c.Bytes()]
		}
		if err := t.train.Read(ctx, -1, first, n, dst); err != nil {
			return nil, op("compute means", err)
		}
		for i, at := range wanted {
			var err error
			if numbers, err = codec.AppendFloats(numbers[:0], dst[at], columns[at].DType); err != nil {
				return nil, op("compute means", err)
			}
			for k, x := range numbers {
				if s := &all[i][k%len(all[i])]; !math.IsNaN(x) && !math.IsInf(x, 0) {
					s.count++
					s.mean += (x - s.mean) / float64(s.count)
				}
			}
		}
	}
	return all, nil
}
