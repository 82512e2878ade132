package resource

import (
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Times are shown alike, whether or not they may be absent; a value without a name
// goes on with the one above it.
func TestFacts(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var b strings.Builder
	err := facts(&b, append(factsOf(struct {
		Created time.Time  `json:"created"`
		Started *time.Time `json:"started"`
		Ended   *time.Time `json:"ended"`
	}{at, &at, nil}, nil), "says", "one", "", "two")...)
	want := "created:  2026-01-02T03:04:05Z\nstarted:  2026-01-02T03:04:05Z\nsays:     one\n          two\n"
	if err != nil || b.String() != want {
		t.Errorf("%v, got:\n%s", err, &b)
	}
}

// Why it is not known how long a stream stays is said where one datasource is shown.
func TestReasonOfRetention(t *testing.T) {
	var out strings.Builder
	d := pipeline.Datasource{ID: 1, Retention: pipeline.Retention{State: pipeline.RetentionUnset, Reason: "the brokers give no READ"}}
	if err := showDatasource(&out, d); err != nil || !strings.Contains(out.String(), "unknown: the brokers give no READ") {
		t.Errorf("%s%v", &out, err)
	}
}
