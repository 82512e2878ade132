package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSplit(t *testing.T) {
	cases := []struct {
		total                   int64
		validationRate, testing float64
		train, test, validation int64
	}{
		{75_000, 0.1, 0, 67_500, 0, 7_500},
		{10, 0.2, 0.1, 7, 1, 2},
		{10, 0.1, 0.2, 7, 2, 1},
		{10, 0.9, 0, 1, 0, 9},
		{100, 0.29, 0.28, 43, 28, 29}, // doubles alone: floor(28.99999...) = 28
		{7, 0.5, 0, 4, 0, 3},
		{1, 0, 0, 1, 0, 0},
		{1, 0.9, 0, 1, 0, 0},
		{0, 0.5, 0.25, 0, 0, 0},
		{3, 0.25, 0.25, 3, 0, 0},
		{11, 0, 0.1, 10, 1, 0}, // what rounding leaves over trains
		{11, 0.1, 0, 10, 0, 1},
		{math.MaxInt64, 0, 0, math.MaxInt64, 0, 0},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.total, c.validationRate, c.testing), func(t *testing.T) {
			train, test, validation := Split(c.total, c.validationRate, c.testing)
			if train != c.train || test != c.test || validation != c.validation {
				t.Errorf("got %d, %d, %d, want %d, %d, %d", train, test, validation, c.train, c.test, c.validation)
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(int64(75_000), 0.1, 0.0)
	f.Add(int64(10), 0.7, 0.3)
	f.Add(int64(1), math.NaN(), math.Inf(1))
	f.Fuzz(func(t *testing.T, total int64, validationRate, testRate float64) {
		if total < 0 || CheckRates(validationRate, testRate) != nil {
			return
		}
		train, test, validation := Split(total, validationRate, testRate)
		if train < 0 || test < 0 || validation < 0 || train+test+validation != total {
			t.Fatalf("%d, %d, %d of %d", train, test, validation, total)
		}
		if validationRate == 0 && validation > 0 || testRate == 0 && test > 0 || total > 0 && train == 0 {
			t.Fatalf("%d, %d, %d of %d at the rates %v and %v", train, test, validation, total, validationRate, testRate)
		}
	})
}

func TestRates(t *testing.T) {
	for _, ok := range [][2]float64{{0, 0}, {0.1, 0.2}, {0.99, 0}, {0.4, 0.59}} {
		if err := CheckRates(ok[0], ok[1]); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	for field, rates := range map[string][][2]float64{
		"validation_rate": {{-0.1, 0}, {1, 0}, {math.NaN(), 0}, {0.5, 0.5}, {0.7, 0.3}, {math.Inf(1), 0}},
		"test_rate":       {{0, -0.1}, {0, 1.5}, {0, math.Inf(-1)}},
	} {
		for _, r := range rates {
			checkRefused(t, CheckRates(r[0], r[1]), field, nil)
		}
	}
}

func checkRefused(t *testing.T, err error, field string, words []string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Invalid {
		t.Fatalf("got %v, want an invalid %s", err, field)
	}
	if e.Field != field {
		t.Errorf("field is %q, want %q (%v)", e.Field, field, err)
	}
	for _, word := range words {
		if !strings.Contains(e.Error()+" "+e.Hint, word) {
			t.Errorf("%q (hint %q) does not say %q", e.Error(), e.Hint, word)
		}
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("n", 250)
	cases := []struct {
		rule        func(field, name string) error
		taken, none []string
	}{
		{ValidateName, []string{"mnist", "MNIST CNN v2 (dropout 0.5)", "modèle 数", "../etc"}, []string{"", " a", "a ", "a\nb", "a\x00", "\xff", "a\u202eb", long}},
		{ValidateServiceName, []string{"a", "inference-1", "a-b2"}, []string{"", "A", "1a", "-a", "a-", "a_b", "a.b", long[:51], "../a", "model-register", "records", "predict", "page"}},
		{ValidateTopic, []string{"mnist-in", "A.b_c-9", "...", "_x", long[:249]}, []string{"", ".", "..", "a b", "a/b", "é", "__consumer_offsets", long}},
	}
	for i, c := range cases {
		for _, name := range c.taken {
			if err := c.rule("name", name); err != nil {
				t.Errorf("rule %d: %v", i, err)
			}
		}
		for _, name := range c.none {
			checkRefused(t, c.rule("name", name), "name", nil)
		}
	}
}

// No two inferences get the same name in a cluster, nor one that a function has, and
// the longest is a DNS label still, with what Knative adds to it for a revision.
func TestServiceNames(t *testing.T) {
	long := strings.Repeat("n", maxService)
	by := map[string]string{}
	for _, name := range append([]string{"a", "inference-a", "inference-7", "inference-7a", "inference-inference-7", "n7", long}, reserved...) {
		got := ServiceName(name)
		if other, taken := by[got]; taken {
			t.Errorf("%s and %s are both %s", name, other, got)
		}
		by[got] = name
		if slices.Contains(reserved, got) || len(got) > 63 || !serviceName.MatchString(got) {
			t.Errorf("%s is %s", name, got)
		}
	}
	if given := GivenName(7); ServiceName(given) != given {
		t.Errorf("%s is %s", given, ServiceName(given))
	}
}

func TestResultStates(t *testing.T) {
	states := []ResultStatus{ResultWaiting, ResultScheduled, ResultRunning, ResultFinished, ResultFailed, ResultStopped}
	allowed := map[string]bool{
		"waiting>scheduled": true, "waiting>failed": true, "waiting>stopped": true,
		"scheduled>scheduled": true, "scheduled>running": true, "scheduled>finished": true, "scheduled>failed": true, "scheduled>stopped": true,
		"running>scheduled": true, "running>finished": true, "running>failed": true, "running>stopped": true,
		"failed>scheduled": true, "stopped>scheduled": true,
	}
	for _, from := range states {
		for _, to := range states {
			if step := string(from + ">" + to); from.CanBecome(to) != allowed[step] {
				t.Errorf("%s is allowed: %v", step, from.CanBecome(to))
			}
		}
		if from.Active() && from.Ended() {
			t.Errorf("%s is active and ended", from)
		}
		if !from.Ended() && !from.CanBecome(ResultStopped) {
			t.Errorf("%s cannot be stopped", from)
		}
	}
}

func TestDeploymentSumsUpItsResults(t *testing.T) {
	cases := []struct {
		results []ResultStatus
		want    DeploymentStatus
	}{
		{nil, DeploymentWaiting},
		{[]ResultStatus{ResultWaiting, ResultWaiting}, DeploymentWaiting},
		{[]ResultStatus{ResultFinished, ResultScheduled}, DeploymentTraining},
		{[]ResultStatus{ResultFailed, ResultRunning}, DeploymentTraining},
		{[]ResultStatus{ResultFinished, ResultFinished}, DeploymentFinished},
		{[]ResultStatus{ResultFinished, ResultFailed, ResultStopped}, DeploymentFailed},
		{[]ResultStatus{ResultFinished, ResultStopped}, DeploymentStopped},
		{[]ResultStatus{ResultFinished, ResultWaiting}, DeploymentWaiting},
	}
	for _, c := range cases {
		if got := DeploymentOf(c.results); got != c.want {
			t.Errorf("%v is %s, want %s", c.results, got, c.want)
		}
	}
}

func TestMetricsThatAreNoNumbers(t *testing.T) {
	want := Metrics{"loss": math.NaN(), "accuracy": 0.5, "up": math.Inf(1), "down": math.Inf(-1)}
	b, err := json.Marshal(Epoch{Epoch: 1, Training: want})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b); !strings.Contains(text, `"loss":"NaN"`) || !strings.Contains(text, `"down":"-Infinity"`) {
		t.Error(text)
	}
	var got Epoch
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Training, cmpopts.EquateNaNs()); diff != "" || got.Validation != nil {
		t.Errorf("(-want +got)\n%s, validation %v", diff, got.Validation)
	}
	checkRefused(t, json.Unmarshal([]byte(`{"loss": "five"}`), &Metrics{}), "loss", nil)
}

func TestNormalize(t *testing.T) {
	d := Deployment{Configuration: 1}
	if err := d.Normalize(); err != nil {
		t.Fatal(err)
	}
	want := Deployment{Configuration: 1, BatchSize: 32, TrainingKwargs: DefaultTrainingKwargs(), Engine: Auto}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for field, d := range map[string]Deployment{
		"configuration":              {},
		"batch_size":                 {Configuration: 1, BatchSize: -1},
		"gpus":                       {Configuration: 1, GPUs: 65},
		"resources.deadline_seconds": {Configuration: 1, Resources: Resources{DeadlineSecs: -1}},
	} {
		checkRefused(t, d.Normalize(), field, nil)
	}
}

func TestTakesStream(t *testing.T) {
	for why, d := range map[string]Deployment{
		"":                       {Status: DeploymentTraining},
		"is stopped":             {Status: DeploymentStopped},
		"follows another stream": {Status: DeploymentTraining, Mode: ModeStream},
	} {
		if err := d.TakesStream(); (err == nil) != (why == "") || err != nil && (KindOf(err) != Conflict || !strings.Contains(err.Error(), why)) {
			t.Errorf("%v, want %q", err, why)
		}
	}
	if err := (Deployment{Status: DeploymentFinished, Mode: ModeStream}).TakesStream(); err != nil {
		t.Errorf("whose stream has ended: %v", err)
	}
}

func TestFreeze(t *testing.T) {
	d := Deployment{Configuration: 1, From: 1, Freeze: []string{"dense ", "conv_*", "outer/", "dense"}}
	if err := d.Normalize(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"conv_*", "dense", "outer"}, d.Freeze); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, d := range []Deployment{
		{Freeze: []string{"dense"}},
		{From: 1, Freeze: []string{""}},
		{From: 1, Freeze: []string{"[a-z]"}},
		{From: 1, Freeze: []string{strings.Repeat("a", 257)}},
		{From: 1, Freeze: strings.Fields(fmt.Sprint(make([]int, 66)))},
	} {
		d.Configuration = 1
		if len(d.Freeze) == 66 {
			for i := range d.Freeze {
				d.Freeze[i] = fmt.Sprint(i)
			}
		}
		checkRefused(t, d.Normalize(), "freeze", nil)
	}
	e := Export{Parameters: 30, Layers: []Layer{{Name: "dense", Parameters: 10}, {Name: "conv_1", Parameters: 20}, {Name: "flat"}, {Name: "base", Within: []string{"base/a", "base/b", "base/b/c"}}}}
	for pattern, known := range map[string]bool{"dense": true, "conv_?": true, "flat": true, "*/inner": true, "*": false, "dense conv*": false, "dense d* conv*/inner": true, "conv*/inner": true, "dens": false, "conv_??": false, "dense_1": false, "a/dense": false, "base/a": true, "base/?": true, "base/b/c": true, "base/c": false, "base/*/d": false, "b*/a": true} {
		if err := e.CheckFreeze(strings.Fields(pattern)); (err == nil) != known {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("disk full")
	e := &Error{Op: "register model", Kind: Unavailable, Field: "source", Err: cause, At: &Position{Line: 3}}
	if got := e.Error(); got != "register model: source: disk full (line 3)" {
		t.Error(got)
	}
	wrapped := fmt.Errorf("outer: %w", e)
	if KindOf(wrapped) != Unavailable || !errors.Is(wrapped, cause) || KindOf(cause) != Internal || (&Error{}).Message() != "internal" {
		t.Error("kind or cause is lost")
	}
}
