package registry

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// keptCommands is for how long a repeated command gets its first answer. What
// repeats commands, KafkaSource and clients that retry, gives up far sooner.
const keptCommands = 7 * 24 * time.Hour

// Command tells whether the command with this source and id was answered
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

// AnswerCommand keeps the answer to a command. The first answer counts: a
// second one changes nothing.
func (tx *Tx) AnswerCommand(source, id string, answer []byte) error {
	if answer == nil {
		answer = []byte{}
	}
	created := now().Unix()
	err := tx.exec("INSERT INTO commands (source, id, answer, created) VALUES (?, ?, ?, ?) ON CONFLICT (source, id) DO NOTHING",
		source, id, answer, created)
	if err != nil {
		return fmt.Errorf("keep the answer to command %q of %q: %w", id, source, err)
	}
	if err := tx.exec("DELETE FROM commands WHERE created < ?", created-int64(keptCommands/time.Second)); err != nil {
		return fmt.Errorf("drop old answers: %w", err)
	}
	return nil
}

// Cursor is how far the reader of that name got in the outbox: the number set
// last, 0 before the first.
func (tx *Tx) Cursor(name string) (seq int64, err error) {
	err = tx.row("SELECT seq FROM cursors WHERE name = ?", name).Scan(&seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read cursor %s: %w", name, err)
	}
	return seq, nil
}

// SetCursor keeps how far the reader of that name got. It never goes back.
func (tx *Tx) SetCursor(name string, seq int64) error {
	err := tx.exec(`INSERT INTO cursors (name, seq) VALUES (?, ?) ON CONFLICT (name)
		DO UPDATE SET seq = excluded.seq WHERE excluded.seq > cursors.seq`, name, seq)
	if err != nil {
		return fmt.Errorf("set cursor %s: %w", name, err)
	}
	return nil
}
