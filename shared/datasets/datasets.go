// Package datasets names the data sets that this machine holds for trying the
// pipeline out: where their files lie and what they hold. They are there once
// they have been fetched (make mnist); elsewhere the list is empty.
package datasets

import (
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Set is a data set for trying the pipeline out.
type Set struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Shape       []int  `json:"shape"`   // of one record
	Records     int64  `json:"records"` // for training
	Unseen      int64  `json:"unseen"`  // more, for predictions

	training, unseen []string // file names: samples, then labels
	dir              string
}

var known = []Set{{
	Name: "mnist", Description: "handwritten digits", Shape: []int{28, 28}, Records: 60_000, Unseen: 10_000,
	training: []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
	unseen:   []string{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
}}

// All gives the sets that are on this machine.
func All() []Set {
	there := []Set{}
	for _, s := range known {
		dir, err := toolchain.Data(s.Name)
		if err != nil {
			continue // not fetched
		}
		s.dir = dir
		there = append(there, s)
	}
	return there
}

// Named gives one of All. An unknown name is Invalid, field "example".
func Named(name string) (Set, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	return Set{}, pipeline.Invalidf("example", "%q is not a data set on this machine", name).WithHint("make %s fetches it", "mnist")
}

// Training gives the paths of the files to train on: samples, then labels.
func (s Set) Training() []string { return s.paths(s.training) }

// Held gives the paths of the files that are kept from training.
func (s Set) Held() []string { return s.paths(s.unseen) }

func (s Set) paths(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = filepath.Join(s.dir, n)
	}
	return all
}
