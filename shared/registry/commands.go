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

// Command reports whether the command with this source and id was answered
// already, and how. With AnswerCommand in the same transaction as the command's
// effect, a command that is sent twice has one effect and one answer.
func (tx *Tx) Command(source, id string) (answer []byte, seen bool, err error) {
	err = tx.row("SELECT answer FROM commands WHERE source = ? AND id = ?", source, id).Scan(&answer)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look for command %q of %q: %w", id, source, err)
	}
	return answer, true, nil
}

// AnswerCommand stores the answer to a command. The first answer counts: a
// second one changes nothing.
func (tx *Tx) AnswerCommand(source, id string, answer []byte) error {
	if answer == nil {
		answer = []byte{}
	}
	created := now().Unix()
	err := tx.exec("INSERT INTO commands (source, id, answer, created) VALUES (?, ?, ?, ?) ON CONFLICT (source, id) DO NOTHING",
		source, id, answer, created)
	if err != nil {
		return fmt.Errorf("store the answer to command %q of %q: %w", id, source, err)
	}
	if err := tx.exec("DELETE FROM commands WHERE created < ?", created-int64(answersLast/time.Second)); err != nil {
		return fmt.Errorf("drop old answers: %w", err)
	}
	return nil
}
