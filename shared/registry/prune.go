package registry

import (
	"fmt"
	"sync"
)

// What is kept of events and answers beside their numbers and age, by size: an event
// may hold the source of a model.
const (
	keptEventBytes  = 128 << 20
	keptAnswers     = 100_000  // of one principal
	keptAnswerBytes = 64 << 20 // of one principal

	lookEvery = 500     // answers of this process between two looks at them
	lookBytes = 8 << 20 // or so many bytes of them, or of events
)

// pruning counts what this process has stored since it last looked at what is there.
type pruning struct {
	mu                              sync.Mutex
	answers, answerBytes, eventSize int
}

// events reports whether a look at the events is due after so many bytes more.
func (p *pruning) events(bytes int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eventSize += bytes
	due := p.eventSize >= lookBytes
	if due {
		p.eventSize = 0
	}
	return due
}

// answer reports whether a look at the answers is due after one of so many bytes.
func (p *pruning) answer(bytes int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers, p.answerBytes = p.answers+1, p.answerBytes+bytes
	due := p.answers >= lookEvery || p.answerBytes >= lookBytes
	if due {
		p.answers, p.answerBytes = 0, 0
	}
	return due
}

// dropEvents drops those that are more, or larger, than is kept. last is the number
// of the newest. The newest stays, whatever its size.
func (tx *Tx) dropEvents(last int64) error {
	if err := tx.exec("DELETE FROM events WHERE seq <= ?", last-keptEvents); err != nil {
		return fmt.Errorf("drop old events: %w", err)
	}
	const large = `DELETE FROM events WHERE seq < ? AND seq IN (
		SELECT seq FROM (SELECT seq, SUM(LENGTH(body)) OVER (ORDER BY seq DESC) AS total FROM events) AS sums WHERE total > ?)`
	if err := tx.exec(large, last, keptEventBytes); err != nil {
		return fmt.Errorf("drop large events: %w", err)
	}
	return nil
}

// dropAnswers drops the oldest of a principal's that are more, or larger, than is
// kept: whoever commands without an end loses answers of their own alone. Those of
// the second that came last stay.
func (tx *Tx) dropAnswers(principal string, created int64) error {
	const many = `DELETE FROM commands WHERE principal = ? AND created < ? AND created <= (
		SELECT MAX(created) FROM (
			SELECT created, ROW_NUMBER() OVER newest AS place, SUM(LENGTH(answer)) OVER newest AS total FROM commands WHERE principal = ?
			WINDOW newest AS (ORDER BY created DESC, source, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
		) AS sums WHERE place > ? OR total > ?)`
	if err := tx.exec(many, principal, created, principal, keptAnswers, keptAnswerBytes); err != nil {
		return fmt.Errorf("drop answers: %w", err)
	}
	return nil
}
