package registry

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// answersLast is for how long a repeated command gets its first answer. What
// repeats commands, KafkaSource and clients that retry, gives up far sooner.
const answersLast = 7 * 24 * time.Hour

// CommandKey is what makes a command the same one again: who sent it, and the
// source and id of its event.
type CommandKey struct{ Principal, Source, ID string }

// Answered is a command that was answered.
type Answered struct {
	Digest string // of what was asked; empty where an earlier version answered
	Answer []byte
}

// Command reports whether the command with this key was answered already, and
// how. With AnswerCommand in the same transaction as the command's effect, a
// command that is sent twice has one effect and one answer.
func (tx *Tx) Command(key CommandKey) (a Answered, seen bool, err error) {
	err = tx.row("SELECT digest, answer FROM commands WHERE principal = ? AND source = ? AND id = ?", key.Principal, key.Source, key.ID).
		Scan(&a.Digest, &a.Answer)
	if errors.Is(err, sql.ErrNoRows) {
		return Answered{}, false, nil
	}
	if err != nil {
		return Answered{}, false, fmt.Errorf("look for command %q of %q: %w", key.ID, key.Source, err)
	}
	return a, true, nil
}

// AnswerCommand stores the answer to a command. The first answer counts: a
// second one changes nothing.
func (tx *Tx) AnswerCommand(key CommandKey, a Answered) error {
	if a.Answer == nil {
		a.Answer = []byte{}
	}
	created := now().Unix()
	err := tx.exec("INSERT INTO commands (principal, source, id, digest, answer, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (principal, source, id) DO NOTHING",
		key.Principal, key.Source, key.ID, a.Digest, a.Answer, created)
	if err != nil {
		return fmt.Errorf("store the answer to command %q of %q: %w", key.ID, key.Source, err)
	}
	if err := tx.exec("DELETE FROM commands WHERE created < ?", created-int64(answersLast/time.Second)); err != nil {
		return fmt.Errorf("drop old answers: %w", err)
	}
	if tx.pruning.answer(len(a.Answer)) {
		return tx.dropAnswers(key.Principal, created)
	}
	return nil
}
