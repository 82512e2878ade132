package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"now":                       now,
		"7d":                        now.AddDate(0, 0, -7),
		"last 7 days":               now.AddDate(0, 0, -7),
		"the last 7 days":           now.AddDate(0, 0, -7),
		"Last week":                 now.AddDate(0, 0, -7),
		"90 minutes":                now.Add(-90 * time.Minute),
		"1h30m":                     now.Add(-90 * time.Minute),
		"1.5 hours ago":             now.Add(-90 * time.Minute),
		"2w":                        now.AddDate(0, 0, -14),
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01 08:30":          time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC),
		"2026-03-01T08:30:00+02:00": time.Date(2026, 3, 1, 6, 30, 0, 0, time.UTC),
		"2026-03-01T08:30:00.250Z":  time.Date(2026, 3, 1, 8, 30, 0, 250e6, time.UTC),
		"1772352000000":             time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		"0":                         time.UnixMilli(0),
	} {
		if got, err := pipeline.ParseMoment("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for text, hint := range map[string]string{
		"1772352000":          "2026-03-01T08:00:00Z", // seconds
		"1772352000000000":    "2026-03-01T08:00:00Z",
		"1772352000000000000": "2026-03-01T08:00:00Z",
		"7":                   "with its unit",
		"-5":                  "with its unit",
		"yesterday":           "7d",
		"7x":                  "7d",
		"d":                   "7d",
		"7d or so":            "7d",
		"2026-13-01":          "RFC 3339",
		"99999999999999w":     "7d",
		"":                    "7d",
	} {
		_, err := pipeline.ParseMoment("since", text, now)
		refusal, ok := err.(*pipeline.Error) //nolint:errorlint // as it is made
		if !ok || refusal.Field != "since" || !strings.Contains(refusal.Hint, hint) {
			t.Errorf("%q: %+v", text, err)
		}
	}
}
