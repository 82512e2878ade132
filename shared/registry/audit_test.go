package registry_test

import (
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Lines are found by their words, page after page, and the oldest go.
func TestAuditIsBounded(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		write := func(command, outcome string) {
			t.Helper()
			do(t, s, func(tx *registry.Tx) error {
				return tx.Audit(registry.Audit{Principal: "token:ada", Command: command, Outcome: outcome, Reason: strings.Repeat("x", 10_000)})
			})
		}
		write("100% of_it!", "taken")
		write("Model.Delete", "denied")
		write("100 of-it", "taken")
		find := func(q registry.Query) (page registry.Page[registry.Audit]) {
			t.Helper()
			err := view(t, s, func(tx *registry.Tx) (err error) {
				page, err = tx.Audits(q)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		for want, q := range map[int]registry.Query{3: {}, 1: {Q: "100% OF_it!"}, 2: {Status: "taken"}} {
			if got := find(q); len(got.Items) != want || got.Next != "" {
				t.Errorf("%+v: %d", q, len(got.Items))
			}
		}
		first := find(registry.Query{Limit: 2})
		last := find(registry.Query{Limit: 2, After: first.Next})
		if len(first.Items) != 2 || first.Items[0].Seq != 3 || len(last.Items) != 1 || last.Items[0].Seq != 1 || len(last.Items[0].Reason) > 600 {
			t.Errorf("%+v, then %+v", first, last)
		}
		statement(t, url, "UPDATE counters SET last = 100999 WHERE name = 'audit'")
		write("late", "taken")
		if got := find(registry.Query{}); len(got.Items) != 1 || got.Items[0].Seq != 101_000 {
			t.Errorf("kept %+v", got.Items)
		}
		for field, q := range map[string]registry.Query{"after": {After: "x"}, "status": {Status: "refused"}} {
			refused(t, view(t, s, func(tx *registry.Tx) error { _, err := tx.Audits(q); return err }), pipeline.Invalid, field)
		}
	})
}
