package train

import "github.com/kafkaml/kafkaml/shared/pipeline"

// score is the progressive validation of a training: the metrics of each batch before
// it was learned from, over all and over the epochs of the curve.
type score struct {
	Records int64 // that were trained on
	Points  int   // of the curve
	Running sums
	Window  sums
	Each    int64 // records of a point at the beginning
}

// sums are metrics that are weighted by records.
type sums struct {
	Records int64
	Values  map[string]float64
}

func (s *sums) add(m pipeline.Metrics, records int64) {
	if s.Values == nil {
		s.Values = map[string]float64{}
	}
	s.Records += records
	for name, v := range m {
		s.Values[name] += v * float64(records)
	}
}

func (s *sums) means() pipeline.Metrics {
	m := pipeline.Metrics{}
	for name, v := range s.Values {
		m[name] = v / float64(s.Records)
	}
	return m
}

// widenAfter is after how many points of the curve each takes twice the records: a
// training without an end has no curve without an end.
const widenAfter = 500

// add takes the metrics of a batch, and gives the point of the curve that it makes
// whole.
func (s *score) add(m pipeline.Metrics, records int64) (pipeline.Epoch, bool) {
	s.Records += records
	s.Running.add(m, records)
	s.Window.add(m, records)
	if s.Window.Records < s.point() {
		return pipeline.Epoch{}, false
	}
	return s.rest()
}

// point is how many records the next point takes.
func (s *score) point() int64 { return s.Each << min(s.Points/widenAfter, 40) }

// rest is the point of what came since the last one.
func (s *score) rest() (pipeline.Epoch, bool) {
	if s.Window.Records == 0 {
		return pipeline.Epoch{}, false
	}
	s.Points++
	e := pipeline.Epoch{Epoch: s.Points, Training: s.Window.means(), Records: s.Records}
	s.Window = sums{}
	return e, true
}
