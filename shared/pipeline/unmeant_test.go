package pipeline

import (
	"strings"
	"testing"
)

// TestMembersThatDoNothing: each is refused or warned of, where it was taken without a
// word.
func TestMembersThatDoNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change         func(d *Deployment)
		refuses, warns string
	}{
		"a rate that raises nothing":  {func(d *Deployment) { d.Mode, d.Drift, d.OnDrift, d.DriftRate = ModeStream, DetectADWIN, DriftRaises, 1 }, "above 1", ""},
		"windows with gaps":           {func(d *Deployment) { d.Every, d.Window = "100records", "10records" }, "", "every 100records on the last 10records"},
		"windows with gaps of time":   {func(d *Deployment) { d.Every, d.Window = "24h", "1h" }, "", "trained on by none"},
		"windows that overlap":        {func(d *Deployment) { d.Every, d.Window = "10records", "100records" }, "", ""},
		"windows of records, by time": {func(d *Deployment) { d.Every, d.Window = "1h", "10records" }, "", ""},
		"a stop after the end":        {func(d *Deployment) { d.TrainingKwargs.EarlyStopping = &EarlyStopping{Monitor: "loss", StartFrom: 3} }, "ends with epoch 3", ""},
		"a stop before the end":       {func(d *Deployment) { d.TrainingKwargs.EarlyStopping = &EarlyStopping{Monitor: "loss", StartFrom: 2} }, "", ""},
		"a validation that never comes": {func(d *Deployment) {
			d.TrainingKwargs.ReduceLR, d.TrainingKwargs.ValidationFreq = &ReduceLR{Monitor: "val_loss"}, 4
		}, "a validation every 4 epochs is never seen in 3", ""},
		"of which nothing is asked": {func(d *Deployment) {
			d.TrainingKwargs.ReduceLR, d.TrainingKwargs.ValidationFreq = &ReduceLR{Monitor: "loss"}, 4
		}, "", ""},
	} {
		d := Deployment{Configuration: 1, BatchSize: 1, TrainingKwargs: TrainingKwargs{Epochs: 3}}
		test.change(&d)
		err := d.Normalize()
		if err == nil {
			err = d.TrainingKwargs.CheckCallbacks()
		}
		if (err != nil) != (test.refuses != "") || err != nil && !strings.Contains(err.Error(), test.refuses) {
			t.Errorf("%s: %v", name, err)
		}
		if warned := strings.Join(d.Warnings, " "); (warned != "") != (test.warns != "") || !strings.Contains(warned, test.warns) {
			t.Errorf("%s: warns %q", name, warned)
		}
	}
}
