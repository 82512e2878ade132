package registry_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/kafkaml/kafkaml/shared/registry"
)

// What is told, answered and audited without an end takes no more than is kept of it.
// The long form does so a million times; the short one lets a million pass between two
// times a few.
func TestAMillionEvents(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		many, long := 1500, os.Getenv("KAFKAML_LONG") != ""
		if long {
			many = 1_000_000
		}
		seq := 0
		commanded := func(n int) {
			for last := seq + n; seq < last; {
				do(t, s, func(tx *registry.Tx) error {
					for range 500 {
						seq++
						id := fmt.Sprint(seq)
						if err := tx.Emit(fact(id)); err != nil {
							return err
						}
						if err := tx.AnswerCommand(cli(id), registry.Answered{Answer: []byte(`{"id": 1}`)}); err != nil {
							return err
						}
						if err := tx.Audit(registry.Audit{Principal: "alice", Command: "io.kafkaml.model.register.v1", Subject: id}); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
		commanded(many)
		before, err := s.Sizes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		most := int64(100_000 + 1000)
		if !long {
			statement(t, url, "UPDATE counters SET last = last + 1000000 WHERE name IN ('event', 'audit')")
			statement(t, url, "UPDATE commands SET created = created - 8 * 24 * 3600")
			commanded(many)
			most = int64(many)
		}
		got, err := s.Sizes(t.Context())
		t.Logf("%d commands: %+v", seq, got)
		if err != nil || got.Events > most || got.Answers > most || got.Audit > most || got.Bytes > 512<<20 || before.Events == 0 || before.Audit == 0 || before.Answers == 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
