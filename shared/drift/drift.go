// Package drift finds where a sequence of numbers, such as the loss of a model on the
// records of a stream, is no longer what it was. The detectors are those of the
// literature, with the defaults and, value by value, the answers of River
// (river.drift), against which the test compares them.
//
// A detector that has found a drift begins anew with the next value.
package drift

import (
	"math"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Finder is one of the detectors, or none. It is not safe for concurrent use.
// Its members, and theirs, are exported so that encoding/gob can keep them.
type Finder struct {
	ADWIN       *ADWIN
	PageHinkley *PageHinkley
	DDM         *DDM
}

// New gives the detector of a name, for values each of which is the mean of so many
// records.
func New(name pipeline.Detector, each int) Finder {
	switch name {
	case pipeline.DetectADWIN:
		return Finder{ADWIN: NewADWIN(each)}
	case pipeline.DetectPageHinkley:
		return Finder{PageHinkley: NewPageHinkley(each)}
	case pipeline.DetectDDM:
		return Finder{DDM: NewDDM(each)}
	}
	return Finder{}
}

// Update takes the next value, and reports whether a drift is found with it, and
// whether it is one to larger values. A value that is NaN or infinite, which no mean
// recovers from, is left out.
func (f Finder) Update(value float64) (found, up bool) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return false, false
	case f.ADWIN != nil:
		return f.ADWIN.Update(value)
	case f.PageHinkley != nil:
		return f.PageHinkley.Update(value)
	case f.DDM != nil:
		return f.DDM.Update(value)
	}
	return false, false
}

// Recent is, once a drift was found, how many of the last values are of what is new.
func (f Finder) Recent() float64 {
	switch {
	case f.ADWIN != nil:
		return f.ADWIN.Recent
	case f.PageHinkley != nil:
		return f.PageHinkley.Recent()
	case f.DDM != nil:
		return f.DDM.Rate.N - f.DDM.LeastAt
	}
	return 0
}

// Mean is a running mean.
type Mean struct{ N, Value float64 }

func (m *Mean) update(x float64) {
	m.N++
	m.Value += (x - m.Value) / m.N
}
