package pipeline

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Extent is a part of a stream as people write it: so many records ("10000records")
// or so long a time ("24h", "7 days").
type Extent string

var extentRecords = regexp.MustCompile(`^([0-9]{1,15}) ?records?$`)

// Parse gives the records, or the time where they are 0. What is neither is an
// Invalid error of field.
func (e Extent) Parse(field string) (records int64, span time.Duration, err error) {
	text := strings.ToLower(strings.TrimSpace(string(e)))
	if m := extentRecords.FindStringSubmatch(text); m != nil {
		if records, _ = strconv.ParseInt(m[1], 10, 64); records > 0 {
			return records, 0, nil
		}
	} else if span, err = ParseSpan(field, text); err == nil {
		return 0, span, nil
	}
	return 0, 0, Invalidf(field, "%q is neither a number of records nor a span of time", string(e)).WithHint("write 10000records, or a number with its unit: 24h, 7d")
}

// Retraining is where the schedule of a deployment stands.
type Retraining struct {
	Ended     bool       `json:"ended,omitempty" description:"the deployment was stopped: it trains no more by itself"`
	Source    int64      `json:"source,omitempty" description:"the last stream that was sent to it: its topics, format and split are those of each window"`
	Runs      int        `json:"runs" description:"trainings that the schedule has begun"`
	Last      *time.Time `json:"last,omitempty" nullable:"false" description:"when it began the last one"`
	Due       *time.Time `json:"due,omitempty" nullable:"false" description:"when the next is due, of a schedule by time"`
	New       int64      `json:"new" description:"records that have come since those of the last stream, when it was last looked"`
	Drifted   bool       `json:"drifted,omitempty" description:"a drift was told since the last training began"`
	Blocked   *Rejection `json:"blocked,omitempty" description:"why it cannot train now"`
	Ends      []Range    `json:"ends,omitempty" description:"where the window of the last training ends: the offset after it, of each partition"`
	Decisions []Decision `json:"decisions" nullable:"false" description:"who holds the alias, the last 20 that were decided, the newest last"`
}

// keptDecisions is how many decisions a deployment keeps.
const keptDecisions = 20

// keptLosing is how many results that were not better are kept, unless the deployment
// says otherwise.
const keptLosing = 20

// KeepsLosing is how many results that were not better are kept.
func (d Deployment) KeepsLosing() int { return cmp.Or(d.KeepLosing, keptLosing) }

// Decide adds a decision.
func (r *Retraining) Decide(d Decision) {
	r.Decisions = append(r.Decisions, d)
	r.Decisions = r.Decisions[max(0, len(r.Decisions)-keptDecisions):]
}

// Decision says which of two results an alias names: the one that has it, the
// champion, or the one that was trained last, the challenger.
type Decision struct {
	Alias      string    `json:"alias" description:"MODEL@ALIAS"`
	Challenger int64     `json:"challenger" description:"the result that was trained"`
	Champion   int64     `json:"champion,omitempty" description:"the result that had the alias; absent: none had"`
	Promoted   bool      `json:"promoted" description:"the challenger has the alias now"`
	Metric     string    `json:"metric"`
	Margin     float64   `json:"margin,omitempty" description:"by how much more the challenger was to be better"`
	Value      *float64  `json:"value,omitempty" nullable:"false" description:"the challenger's metric on the hold-out"`
	Held       *float64  `json:"held,omitempty" nullable:"false" description:"the champion's, on the same records"`
	Datasource int64     `json:"datasource" description:"whose test split is the hold-out"`
	Records    int64     `json:"records" description:"of the hold-out"`
	Reason     string    `json:"reason" description:"why, as a sentence"`
	At         time.Time `json:"at"`
}

// Decided is the data of deployment.decided: the deployment, and the decision that is
// new.
type Decided struct {
	Deployment
	Decision Decision `json:"decision" required:"true"`
}

// Champion is the trained model that a training compares its own with.
type Champion struct {
	Result   int64  `json:"result"`
	Artifact string `json:"artifact"` // key prefix of the trained model
	Export   Export `json:"export"`   // what it was trained from
	Learned
}

// Contest is what a champion came to on the test split of a training.
type Contest struct {
	Champion int64   `json:"champion" required:"true" minimum:"1"`
	Metrics  Metrics `json:"metrics,omitempty"`
	Reason   string  `json:"reason,omitempty"` // why it could not be measured; empty: it was
}

// Scheduled reports whether the deployment trains by itself.
func (d Deployment) Scheduled() bool {
	return (d.Every != "" || d.OnDriftOf != 0) && (d.Retraining == nil || !d.Retraining.Ended)
}

// checkSchedule refuses members of a schedule that say nothing together.
func (d *Deployment) checkSchedule() error {
	for field, e := range map[string]Extent{"every": d.Every, "window": d.Window} {
		if e == "" {
			continue
		}
		if _, _, err := e.Parse(field); err != nil {
			return err
		}
	}
	scheduled := d.Every != "" || d.OnDriftOf != 0
	switch {
	case d.OnDriftOf < 0:
		return Invalidf("on_drift_of", "must be the id of a deployment, not %d", d.OnDriftOf)
	case d.Window != "" && !scheduled:
		return Invalidf("window", "nothing says when it is trained on").WithHint("set every or on_drift_of, or leave it out")
	case d.Window == "" && d.OnDriftOf != 0:
		return Invalidf("window", "is missing: the stream in which a drift is found has no number of records").WithHint("say what is trained on then: 50000records, or 7d")
	case d.Mode == ModeStream && (scheduled || d.Alias != ""):
		return Invalidf("mode", "a training of mode stream goes on by itself: it has no schedule, and no end at which it could take an alias").
			WithHint("make a second deployment for the schedule, and leave every, on_drift_of and alias out here")
	case d.Alias == "" && (d.Metric != "" || d.Margin != 0 || d.KeepLosing != 0):
		return Invalidf("alias", "nothing says what the better result is to get").WithHint("set alias, or leave metric, margin and keep_losing out")
	case d.KeepLosing < 0:
		return Invalidf("keep_losing", "is a number of results, 1 or more").WithHint("leave it out for %d", keptLosing)
	case d.Margin < 0 || math.IsNaN(d.Margin) || math.IsInf(d.Margin, 0):
		return Invalidf("margin", "is by how much a result is to be better, 0 or more")
	case d.Alias != "":
		_, _, err := ParseAlias("alias", d.Alias)
		return err
	}
	return nil
}

// passedOver warns of a window that is shorter than the time between two trainings.
func (d *Deployment) passedOver() []string {
	if d.Every == "" || d.Window == "" {
		return nil
	}
	each, between, err := d.Every.Parse("every")
	last, span, err2 := d.Window.Parse("window")
	gap := each > 0 && last > 0 && last < each || between > 0 && span > 0 && span < between
	if err != nil || err2 != nil || !gap {
		return nil
	}
	return []string{fmt.Sprintf("it trains every %s on the last %s: the records between two windows are trained on by none. Where that is not meant, make window as long as every, or leave it out", d.Every, d.Window)}
}

// Judges gives the metric by which the deployment's results of a model contend for
// its alias, and whether min or max is better.
func (d Deployment) Judges(e Export) (metric string, better MetricMode, err error) {
	if metric = d.Metric; metric == "" {
		if metric = RightMetric(e.Monitors); metric == "" {
			metric = "loss"
		}
	}
	better, err = Sought{Metric: metric, Field: "metric", ModeField: "metric", Hint: "choose another one, such as loss"}.In(e)
	return metric, better, err
}

// Settle decides whether the challenger of d, whose ids, metric and margin are set,
// gets the alias. It does where nobody has it, or where it is better by more than the
// margin, on the records that both were measured on.
func (d *Decision) Settle(better MetricMode, own Metrics, contest *Contest) {
	value, ok := finite(own, d.Metric)
	if ok {
		d.Value = &value
	}
	switch {
	case d.Champion == 0:
		d.Promoted, d.Reason = true, "no result had the alias"
		return
	case contest == nil && d.Records == 0:
		d.Reason = "the stream has no test split to compare on: send it with a test_rate"
		return
	case contest == nil || contest.Champion != d.Champion:
		d.Reason = fmt.Sprintf("the alias was moved to result %d after the training had begun: they were not compared", d.Champion)
		return
	case contest.Reason != "":
		d.Reason = fmt.Sprintf("result %d could not be measured: %s", d.Champion, contest.Reason)
		return
	}
	held, known := finite(contest.Metrics, d.Metric)
	if known {
		d.Held = &held
	}
	gain := value - held
	if better == ModeMin {
		gain = -gain
	}
	switch {
	case !ok:
		d.Reason = fmt.Sprintf("the %s of result %d is no number", d.Metric, d.Challenger)
	case !known:
		d.Promoted, d.Reason = true, fmt.Sprintf("the %s of result %d is no number", d.Metric, d.Champion)
	case gain > d.Margin:
		d.Promoted, d.Reason = true, fmt.Sprintf("%s %.6g is better than %.6g of result %d", d.Metric, value, held, d.Champion)
	default:
		d.Reason = fmt.Sprintf("%s %.6g is not better than %.6g of result %d", d.Metric, value, held, d.Champion)
	}
	if d.Margin > 0 && ok && known {
		d.Reason += fmt.Sprintf(" by more than %.6g", d.Margin)
	}
}
