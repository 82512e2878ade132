package registry_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

func epochs(from, to int) (all []pipeline.Epoch) {
	for i := from; i <= to; i++ {
		e := pipeline.Epoch{Epoch: i, Training: pipeline.Metrics{"loss": 1 / float64(i), "accuracy": 0.9}, Seconds: 0.01}
		if i%100 == 0 {
			e.Validation = pipeline.Metrics{"loss": math.NaN()}
		}
		all = append(all, e)
	}
	return all
}

func readEpochs(t *testing.T, s *registry.Store, result int64, after, limit int) []pipeline.Epoch {
	t.Helper()
	found, err := registry.Read(t.Context(), s, func(tx *registry.Tx) ([]pipeline.Epoch, error) { return tx.Epochs(result, after, limit) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTenThousandEpochs(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := populate(t, s).result.ID
		all := epochs(1, 10_000)
		for from := 0; from < len(all); from += 1000 {
			report := all[max(0, from-50) : from+1000] // overlaps the one before, as a report sent again does
			do(t, s, func(tx *registry.Tx) error { _, err := tx.AppendEpochs(id, 1, report); return err })
		}
		if diff := cmp.Diff(all, readEpochs(t, s, id, 0, 0), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("(-appended +read)\n%.1000s", diff)
		}
		if diff := cmp.Diff(all[9_990:9_995], readEpochs(t, s, id, 9_990, 5), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("after 9,990, 5 of them (-appended +read)\n%s", diff)
		}
	})
}

func TestAnAttemptHidesTheOneBefore(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		r := populate(t, s).result
		appendTo := func(attempt, from, to int) {
			do(t, s, func(tx *registry.Tx) error { _, err := tx.AppendEpochs(r.ID, attempt, epochs(from, to)); return err })
		}
		appendTo(1, 1, 3)
		do(t, s, func(tx *registry.Tx) error {
			r.Attempt, r.Status = 2, pipeline.ResultScheduled
			return tx.UpdateResult(&r)
		})
		if got := readEpochs(t, s, r.ID, 0, 0); len(got) != 0 {
			t.Errorf("a new attempt begins with %d epochs", len(got))
		}
		appendTo(1, 4, 4) // the killed Job's last words
		appendTo(2, 1, 2)
		if diff := cmp.Diff(epochs(1, 2), readEpochs(t, s, r.ID, 0, 0)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		err := s.Do(t.Context(), func(tx *registry.Tx) error { _, err := tx.AppendEpochs(99, 1, epochs(1, 1)); return err })
		refused(t, err, pipeline.NotFound, "result 99")
	})
}

func TestLogs(t *testing.T) {
	line := strings.Repeat("ü", 50) + "\n"
	long := strings.Repeat(line, registry.MaxLog/len(line)+100)
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := populate(t, s).result.ID
		for name, c := range map[string]struct {
			text string
			ok   func(kept string) bool
		}{
			"none":       {"", func(kept string) bool { return kept == "" }},
			"short":      {"Epoch 1/5\n", func(kept string) bool { return kept == "Epoch 1/5\n" }},
			"not text":   {"a\x00\xffb", func(kept string) bool { return kept == "a?b" }},
			"long lines": {long, func(kept string) bool { return strings.HasSuffix(long, kept) && strings.HasPrefix(kept, line) }},
			"one line":   {"x" + strings.Repeat("ü", registry.MaxLog), func(kept string) bool { return utf8.ValidString(kept) && len(kept) > registry.MaxLog-4 }},
		} {
			do(t, s, func(tx *registry.Tx) error {
				if err := tx.SetLogs(id, c.text); err != nil {
					return err
				}
				kept, err := tx.Logs(id)
				if !c.ok(kept) || len(kept) > registry.MaxLog {
					t.Errorf("%s: kept %d of %d bytes: %.80q", name, len(kept), len(c.text), kept)
				}
				return err
			})
		}
		err := s.Do(t.Context(), func(tx *registry.Tx) error { return tx.SetLogs(99, "x") })
		refused(t, err, pipeline.Invalid, "result 99")
	})
}

func TestDatasourceFromItsRecord(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		d := populate(t, s).datasource
		do(t, s, func(tx *registry.Tx) error {
			got, found, err := tx.DatasourceFrom(d.Origin)
			if !found || got.ID != d.ID {
				t.Errorf("found %v, %+v", found, got)
			}
			if _, found, err := tx.DatasourceFrom(pipeline.Origin{Topic: "control", Partition: 1, Offset: 9}); found || err != nil {
				t.Errorf("another partition's record: %v, %v", found, err)
			}
			return err
		})
		for range 2 { // without an origin there may be many
			do(t, s, func(tx *registry.Tx) error { return tx.CreateDatasource(&pipeline.Datasource{Deployment: 77}) })
		}
		do(t, s, func(tx *registry.Tx) error {
			d.Retention, d.Origin = pipeline.Retention{State: pipeline.Expired}, pipeline.Origin{}
			return tx.UpdateDatasource(&d)
		})
		do(t, s, func(tx *registry.Tx) error {
			got, err := tx.Datasource(d.ID)
			if got.Retention.State != pipeline.Expired || got.Origin.Topic != "control" {
				t.Errorf("after the update: %+v", got)
			}
			return err
		})
	})
}
