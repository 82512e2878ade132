package train

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// arranged splits a cache of n records whose labels label gives, and returns the
// numbers of the records of each split.
func arranged(t *testing.T, by pipeline.SplitBy, seed int64, n int, memory int64, label func(i int) float32) (splits [3][]int, err error) {
	t.Helper()
	c := sealed(t, []codec.Tensor{{Name: "x", DType: codec.Int32}}, []codec.Tensor{{Name: "y", DType: codec.Float32}}, n, memory, func(i int, in, out [][]byte) {
		binary.LittleEndian.PutUint32(in[0], uint32(i))
		binary.LittleEndian.PutUint32(out[0], math.Float32bits(label(i)))
	})
	tr := &training{cache: c, Config: Config{Job: pipeline.TrainingJob{
		Split: by, StreamSeed: seed, ValidationRate: 0.2, TestRate: 0.1, Export: pipeline.Export{Labels: []pipeline.Tensor{{Name: "y", DType: "float32"}}},
	}}}
	if err := tr.arrange(t.Context()); err != nil {
		return splits, err
	}
	train, test, _ := pipeline.Split(int64(n), 0.2, 0.1)
	at := int64(0)
	err = c.each(t.Context(), 0, func(row []byte) error {
		part := 0
		if at >= train {
			part = 1
		}
		if at >= train+test {
			part = 2
		}
		at++
		splits[part] = append(splits[part], int(binary.LittleEndian.Uint32(row)))
		return nil
	})
	return splits, err
}

func TestArrange(t *testing.T) {
	const n = 30_011
	rare := func(i int) float32 { // one in a hundred, all of them at the end
		if i >= n-300 {
			return 1
		}
		return 0
	}
	for _, by := range []pipeline.SplitBy{pipeline.SplitTime, pipeline.SplitRandom, pipeline.SplitLabel} {
		t.Run("by "+string(by), func(t *testing.T) {
			splits, err := arranged(t, by, 7, n, 1<<30, rare)
			if err != nil {
				t.Fatal(err)
			}
			all := slices.Concat(splits[:]...)
			if by == pipeline.SplitTime && !slices.IsSorted(all) {
				t.Error("a split by time moves records")
			}
			for i, s := range splits {
				if !slices.IsSorted(s) {
					t.Errorf("split %d is not in the order of the stream", i)
				}
				ones := 0
				for _, record := range s {
					ones += int(rare(record))
				}
				if want := []int{210, 30, 60}[i]; by == pipeline.SplitLabel && ones != want {
					t.Errorf("split %d holds %d of the rare class, want %d", i, ones, want)
				}
			}
			slices.Sort(all)
			if len(slices.Compact(all)) != n {
				t.Error("a record is lost or doubled")
			}
			inFile, err := arranged(t, by, 7, n, 0, rare)
			if err != nil || !slices.Equal(splits[2], inFile[2]) || !slices.Equal(splits[1], inFile[1]) {
				t.Errorf("in a file it is another split: %v", err)
			}
			other, err := arranged(t, by, 8, n, 1<<30, rare)
			if err != nil || by != pipeline.SplitTime && slices.Equal(splits[2], other[2]) {
				t.Errorf("another seed gives the same split: %v", err)
			}
		})
	}
}

func TestArrangeRefuses(t *testing.T) {
	for want, label := range map[string]func(i int) float32{
		"has the value 0.5, which is no class":  func(i int) float32 { return float32(i) / 2 },
		"has more than 1000 different values":   func(i int) float32 { return float32(i) },
		"has the value NaN, which is no class":  func(int) float32 { return float32(math.NaN()) },
		"has the value +Inf, which is no class": func(int) float32 { return float32(math.Inf(1)) },
	} {
		if _, err := arranged(t, pipeline.SplitLabel, 0, 1002, 1<<30, label); pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := arranged(t, pipeline.SplitLabel, 0, 2000, 1<<30, func(i int) float32 { return float32(i % 1000) }); err != nil {
		t.Errorf("1000 classes: %v", err)
	}
}
