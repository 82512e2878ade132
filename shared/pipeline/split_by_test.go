package pipeline_test

import (
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestSplitClasses(t *testing.T) {
	for name, test := range map[string]struct {
		counts           []int64
		validation, test float64
		want             []pipeline.Share
	}{
		"even":                     {[]int64{50, 50}, 0.2, 0.1, []pipeline.Share{{35, 5, 10}, {35, 5, 10}}},
		"remainders to the larger": {[]int64{14, 6}, 0.25, 0, []pipeline.Share{{10, 0, 4}, {5, 0, 1}}},
		"a class of one trains":    {[]int64{1, 9}, 0.5, 0, []pipeline.Share{{1, 0, 0}, {4, 0, 5}}},
		"classes of one only":      {[]int64{1, 1, 1, 1}, 0.5, 0.25, []pipeline.Share{{0, 1, 0}, {0, 0, 1}, {0, 0, 1}, {1, 0, 0}}},
		"nothing kept back":        {[]int64{3, 4}, 0, 0, []pipeline.Share{{3, 0, 0}, {4, 0, 0}}},
		"no record":                {nil, 0.2, 0.1, []pipeline.Share{}},
	} {
		if got := pipeline.SplitClasses(test.counts, test.validation, test.test); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	counts := make([]int64, 137)
	var total int64
	for i := range counts {
		counts[i] = int64(i*i%97 + 1)
		total += counts[i]
	}
	for _, rates := range [][2]float64{{0.29, 0.13}, {0.5, 0.49}, {0.001, 0}} {
		var sum pipeline.Share
		for i, s := range pipeline.SplitClasses(counts, rates[0], rates[1]) {
			sum.Train, sum.Test, sum.Validation = sum.Train+s.Train, sum.Test+s.Test, sum.Validation+s.Validation
			if s.Train+s.Test+s.Validation != counts[i] || min(s.Train, s.Test, s.Validation) < 0 {
				t.Errorf("class %d of %d is split as %v", i, counts[i], s)
			}
		}
		train, test, validation := pipeline.Split(total, rates[0], rates[1])
		if sum != (pipeline.Share{Train: train, Test: test, Validation: validation}) {
			t.Errorf("%v: the classes sum to %v", rates, sum)
		}
	}
}

func TestCheckSplit(t *testing.T) {
	scalar, vector := pipeline.Tensor{Name: "y", DType: "float32"}, pipeline.Tensor{Name: "y", DType: "float32", Shape: []int{3}}
	for name, test := range map[string]struct {
		export pipeline.Export
		taken  bool
	}{
		"a class":             {pipeline.Export{Labels: []pipeline.Tensor{scalar}}, true},
		"one-hot":             {pipeline.Export{Labels: []pipeline.Tensor{vector}, Task: pipeline.Classification}, true},
		"a vector":            {pipeline.Export{Labels: []pipeline.Tensor{vector}, Task: pipeline.Regression}, false},
		"several":             {pipeline.Export{Labels: []pipeline.Tensor{scalar, scalar}}, false},
		"none":                {pipeline.Export{}, false},
		"more than can be so": {pipeline.Export{Labels: []pipeline.Tensor{scalar}, Classes: 1001}, false},
	} {
		if err := test.export.CheckSplit(pipeline.SplitLabel); (err == nil) != test.taken {
			t.Errorf("%s: %v", name, err)
		}
		if err := test.export.CheckSplit(pipeline.SplitRandom); err != nil {
			t.Errorf("%s, at random: %v", name, err)
		}
	}
}
