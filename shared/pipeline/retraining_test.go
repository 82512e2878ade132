package pipeline_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestExtent(t *testing.T) {
	for text, want := range map[string]struct {
		records int64
		span    time.Duration
	}{
		"10000records": {10_000, 0}, "1 record": {1, 0}, " 5 Records ": {5, 0}, "24h": {0, 24 * time.Hour}, "7 days": {0, 7 * 24 * time.Hour},
		"0records": {}, "": {}, "7": {}, "-5records": {}, "records": {}, "99999999999999999999records": {}, "0h": {},
	} {
		records, span, err := pipeline.Extent(text).Parse("every")
		if records != want.records || span != want.span || (err != nil) != (want.records == 0 && want.span == 0) {
			t.Errorf("%q is %d, %v, %v", text, records, span, err)
		}
	}
}

// TestDecision holds that the one that has the alias keeps it where both are equal, and
// where the other has no number.
func TestDecision(t *testing.T) {
	held := func(v float64) *pipeline.Contest {
		return &pipeline.Contest{Champion: 1, Metrics: pipeline.Metrics{"loss": v}}
	}
	for name, test := range map[string]struct {
		better   pipeline.MetricMode
		champion int64
		own      float64
		margin   float64
		contest  *pipeline.Contest
		promoted bool
		reason   string
	}{
		"nobody has it":       {pipeline.ModeMin, 0, 0.5, 0, nil, true, "no result had the alias"},
		"a lower loss":        {pipeline.ModeMin, 1, 0.4, 0, held(0.5), true, "loss 0.4 is better than 0.5 of result 1"},
		"a higher loss":       {pipeline.ModeMin, 1, 0.6, 0, held(0.5), false, "loss 0.6 is not better"},
		"a higher one wanted": {pipeline.ModeMax, 1, 0.6, 0, held(0.5), true, "is better"},
		"equal":               {pipeline.ModeMax, 1, 0.5, 0, held(0.5), false, "is not better"},
		"by less":             {pipeline.ModeMin, 1, 0.45, 0.1, held(0.5), false, "by more than 0.1"},
		"NaN":                 {pipeline.ModeMin, 1, math.NaN(), 0, held(0.5), false, "of result 2 is no number"},
		"against NaN":         {pipeline.ModeMin, 1, 0.5, 0, held(math.NaN()), true, "of result 1 is no number"},
		"both NaN":            {pipeline.ModeMin, 1, math.NaN(), 0, held(math.NaN()), false, "of result 2 is no number"},
		"moved meanwhile":     {pipeline.ModeMin, 3, 0.1, 0, held(0.5), false, "moved to result 3"},
	} {
		d := pipeline.Decision{Challenger: 2, Champion: test.champion, Metric: "loss", Margin: test.margin, Records: 10}
		d.Settle(test.better, pipeline.Metrics{"loss": test.own}, test.contest)
		if d.Promoted != test.promoted || !strings.Contains(d.Reason, test.reason) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	d := pipeline.Decision{Challenger: 2, Champion: 1, Metric: "loss"}
	d.Settle(pipeline.ModeMin, nil, nil)
	if d.Promoted || !strings.Contains(d.Reason, "no test split") {
		t.Errorf("without a test split: %+v", d)
	}
	r := pipeline.Retraining{}
	for id := range int64(30) {
		r.Decide(pipeline.Decision{Challenger: id})
	}
	if len(r.Decisions) != 20 || r.Decisions[0].Challenger != 10 {
		t.Errorf("%d decisions are kept, the first of %d", len(r.Decisions), r.Decisions[0].Challenger)
	}
}
