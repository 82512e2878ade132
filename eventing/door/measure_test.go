package door

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A state that cannot be read has no value, which is counted; all else is shown.
func TestMeasureThatCannotBeRead(t *testing.T) {
	reg := prometheus.NewRegistry()
	register(reg, Function{Measures: []Measure{
		{Name: "away", Help: "-", Read: func(context.Context) (map[string]float64, error) { return nil, errors.New("the registry is away") }},
		{Name: "there", Help: "-", Label: "of", Read: func(context.Context) (map[string]float64, error) { return map[string]float64{"a": 1, "b": 2}, nil }},
	}}, slog.New(slog.DiscardHandler))
	values := func() map[string]float64 {
		t.Helper()
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				key := f.GetName()
				for _, l := range m.GetLabel() {
					key += " " + l.GetValue()
				}
				all[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
		return all
	}
	values()
	got := values()
	if _, shown := got["away"]; shown || got["there a"] != 1 || got["there b"] != 2 {
		t.Errorf("%v", got)
	}
	if n := got["kafkaml_unread_measures_total away"]; n < 1 || got["kafkaml_unread_measures_total there"] != 0 {
		t.Errorf("%v", got)
	}
}
