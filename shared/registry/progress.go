package registry

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// AppendEpochs stores what epochs of an attempt at a result reported, and gives
// those that were not there yet: a report that comes twice changes nothing. A
// report of an attempt before the current one is dropped.
func (tx *Tx) AppendEpochs(result int64, attempt int, epochs []pipeline.Epoch) (added []pipeline.Epoch, err error) {
	r, err := results.get(tx, result)
	if err != nil || attempt < r.Attempt {
		return nil, err
	}
	byNumber := map[int]pipeline.Epoch{}
	for part := range slices.Chunk(epochs, 200) {
		args := make([]any, 0, 4*len(part))
		for _, e := range part {
			body, err := json.Marshal(e)
			if err != nil {
				return nil, fmt.Errorf("encode epoch %d: %w", e.Epoch, err)
			}
			args = append(args, result, attempt, e.Epoch, string(body))
			if _, twice := byNumber[e.Epoch]; !twice {
				byNumber[e.Epoch] = e
			}
		}
		rows := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", len(part)), ", ")
		err := tx.each(func(read func(...any) error) error {
			var number int
			err := read(&number)
			added = append(added, byNumber[number])
			return err
		}, "INSERT INTO epochs (result, attempt, epoch, body) VALUES "+rows+
			" ON CONFLICT (result, attempt, epoch) DO NOTHING RETURNING epoch", args...)
		if err != nil {
			return nil, fmt.Errorf("store epochs of result %d: %w", result, err)
		}
	}
	slices.SortFunc(added, func(a, b pipeline.Epoch) int { return a.Epoch - b.Epoch })
	return added, nil
}

// Epochs gives the epochs of a result's current attempt that follow the epoch
// after, in their order, at most limit of them (0 or less: all).
func (tx *Tx) Epochs(result int64, after, limit int) ([]pipeline.Epoch, error) {
	r, err := results.get(tx, result)
	if err != nil {
		return nil, err
	}
	statement := "SELECT body FROM epochs WHERE result = ? AND attempt = ? AND epoch > ? ORDER BY epoch"
	if limit > 0 {
		statement += fmt.Sprintf(" LIMIT %d", limit)
	}
	epochs := []pipeline.Epoch{}
	err = tx.each(func(read func(...any) error) error {
		e, err := decodeEpoch(func(body *string) error { return read(body) })
		epochs = append(epochs, e)
		return err
	}, statement, result, r.Attempt, after)
	if err != nil {
		return nil, fmt.Errorf("read epochs of result %d: %w", result, err)
	}
	return epochs, nil
}

func decodeEpoch(read func(body *string) error) (e pipeline.Epoch, err error) {
	var body string
	if err := read(&body); err != nil {
		return e, err
	}
	return e, json.Unmarshal([]byte(body), &e)
}

// MaxLog is how many bytes of a result's log are kept: the last ones.
const MaxLog = 256 << 10

// SetLogs stores the log of a result's Job in place of what was stored. Of a
// text longer than MaxLog the end is kept, from the beginning of a line.
func (tx *Tx) SetLogs(result int64, text string) error {
	if err := results.refers(tx, "result", result); err != nil {
		return err
	}
	err := tx.exec("INSERT INTO logs (result, text) VALUES (?, ?) ON CONFLICT (result) DO UPDATE SET text = excluded.text",
		result, lastLines(text, MaxLog))
	if err != nil {
		return fmt.Errorf("store the log of result %d: %w", result, err)
	}
	return nil
}

// Logs gives the log of a result's Job, empty while there is none.
func (tx *Tx) Logs(result int64) (string, error) {
	if _, err := results.get(tx, result); err != nil {
		return "", err
	}
	var text string
	err := tx.row("SELECT text FROM logs WHERE result = ?", result).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the log of result %d: %w", result, err)
	}
	return text, nil
}

// lastLines is the end of text in at most size bytes, from the beginning of a
// line where one begins there, as text that both databases can hold.
func lastLines(text string, size int) string {
	if len(text) > size {
		text = text[len(text)-size:]
		if i := strings.IndexByte(text, '\n'); i >= 0 && i < len(text)-1 {
			text = text[i+1:]
		}
		for len(text) > 0 && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "")
}
