package drift_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/drift"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// kept is a detector as it is after a kill.
func kept(t *testing.T, d drift.Finder) (again drift.Finder) {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(gob.NewEncoder(&b).Encode(d), gob.NewDecoder(&b).Decode(&again)); err != nil {
		t.Fatal(err)
	}
	return again
}

// known are sequences, and what River finds in them.
type known struct {
	River     string
	Sequences map[string][]float64
	Drifts    map[string]map[string][]int // by detector and sequence
}

func sequences(t *testing.T) (made known) {
	t.Helper()
	raw, err := os.ReadFile("testdata/drifts.json")
	if err == nil {
		err = json.Unmarshal(raw, &made)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestAsRiver holds where drifts are found against River, on sequences that change in
// their mean, in both directions, slowly, and not at all. The detectors are kept and
// taken up again now and then, and given values that are NaN between them. testdata/drifts.json is
// made by testdata/make_drifts.py, and names its version.
func TestAsRiver(t *testing.T) {
	made := sequences(t)
	found := 0
	for name, fresh := range map[string]func() drift.Finder{
		"adwin":        func() drift.Finder { return drift.New(pipeline.DetectADWIN, 1) },
		"adwin of 4":   func() drift.Finder { return drift.New(pipeline.DetectADWIN, 4) },
		"adwin of 32":  func() drift.Finder { return drift.New(pipeline.DetectADWIN, 32) },
		"page_hinkley": func() drift.Finder { return drift.New(pipeline.DetectPageHinkley, 1) },
		"ddm":          func() drift.Finder { return drift.New(pipeline.DetectDDM, 1) },
	} {
		if len(made.Drifts[name]) == 0 {
			t.Errorf("there are no sequences for %s", name)
		}
		for sequence, want := range made.Drifts[name] {
			d, got := fresh(), []int{}
			for i, x := range made.Sequences[sequence] {
				d.Update(math.NaN())
				if drifted, up := d.Update(x); drifted {
					got = append(got, i)
					if sequence == "down and up" && up != (i > 1300) {
						t.Errorf("%s: the drift at %d goes up: %v", name, i, up)
					}
				}
				if i%97 == 0 {
					d = kept(t, d)
				}
			}
			found += len(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s on %s: drifts at %v, River %s has %v", name, sequence, got, made.River, want)
			}
		}
	}
	if found < 12 {
		t.Errorf("the sequences have only %d drifts", found)
	}
}

// TestCountsRecords holds that a drift of values that are the means of batches is found
// after about as many records as River finds it after record by record.
func TestCountsRecords(t *testing.T) {
	made := sequences(t)
	found := 0
	for name, each := range map[pipeline.Detector]int{pipeline.DetectPageHinkley: 16, pipeline.DetectDDM: 8} {
		for sequence, want := range made.Drifts[string(name)] {
			values := made.Sequences[sequence]
			if len(want) == 0 || sequence == "errors, calm" { // in which River finds one by chance
				continue
			}
			d, first := drift.New(name, each), 0
			for i := each; i <= len(values) && first == 0; i += each {
				sum := 0.0
				for _, x := range values[i-each : i] {
					sum += x
				}
				if drifted, _ := d.Update(sum / float64(each)); drifted {
					first = i
				}
			}
			if found++; first < want[0]-2*each || first > want[0]+4*each {
				t.Errorf("%s on %s: %d records, River %s has %d", name, sequence, first, made.River, want[0])
			}
		}
	}
	if found < 4 {
		t.Errorf("the sequences have only %d drifts", found)
	}
}
