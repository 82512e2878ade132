package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Audit is a line about one command.
type Audit struct {
	Seq       int64     `json:"seq" description:"grows with each line"`
	Time      time.Time `json:"time"`
	Principal string    `json:"principal" description:"who: the id that lasts"`
	Name      string    `json:"name" description:"who, for people"`
	Role      string    `json:"role" description:"that they had"`
	Command   string    `json:"command" description:"type of the command's event, or method and path"`
	Subject   string    `json:"subject,omitempty" description:"id of the thing that it is about, or that it made"`
	From      string    `json:"from,omitempty" description:"the address that sent it, and those that proxies say it came by"`
	Outcome   string    `json:"outcome" description:"taken, rejected, denied, off-schema or failed"`
	Reason    string    `json:"reason,omitempty"`
}

// What may come of a command.
const (
	Taken     = "taken"
	Rejected  = "rejected"
	Denied    = "denied"
	OffSchema = "off-schema"
	Failed    = "failed"
)

// Outcomes are all of them.
var Outcomes = []string{Taken, Rejected, Denied, OffSchema, Failed}

// keptAudits is how many lines are kept at least.
const keptAudits = 100_000

// longest bounds the texts of a line that others choose, in bytes.
const longest = 500

// Audit stores a line with the changes of the transaction: both or neither.
func (tx *Tx) Audit(a Audit) error {
	seq, err := tx.next("audit", 1)
	if err != nil {
		return err
	}
	a.Seq, a.Time = seq, now()
	for _, text := range []*string{&a.Principal, &a.Name, &a.Command, &a.Subject, &a.From, &a.Reason} {
		if len(*text) > longest {
			*text = (*text)[:longest] + "..."
		}
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write a line of the audit: %w", err)
	}
	if err := tx.exec("INSERT INTO audit (seq, body) VALUES (?, ?)", seq, string(body)); err != nil {
		return fmt.Errorf("store a line of the audit: %w", err)
	}
	if seq%dropEvery == 0 {
		if err := tx.exec("DELETE FROM audit WHERE seq <= ?", seq-keptAudits); err != nil {
			return fmt.Errorf("drop old lines of the audit: %w", err)
		}
	}
	return nil
}

// Audits gives a page of the lines, newest first.
func (tx *Tx) Audits(q Query) (Page[Audit], error) {
	page := Page[Audit]{Items: []Audit{}}
	statement, args := "SELECT body FROM audit WHERE LOWER(body) LIKE ? ESCAPE '!'", []any{containing(strings.ToLower(q.Q))}
	if q.Status != "" {
		if !slices.Contains(Outcomes, q.Status) {
			return page, pipeline.Invalidf("status", "%q is no outcome of a command", q.Status).WithHint("one of %s", strings.Join(Outcomes, ", "))
		}
		statement, args = statement+" AND body LIKE ? ESCAPE '!'", append(args, containing(`"outcome":"`+q.Status+`"`))
	}
	if q.After != "" {
		seq, err := strconv.ParseInt(q.After, 10, 64)
		if err != nil {
			return page, pipeline.Invalidf("after", "%q is not from a list", q.After)
		}
		statement, args = statement+" AND seq < ?", append(args, seq)
	}
	statement += " ORDER BY seq DESC"
	if q.Limit > 0 {
		statement += " LIMIT " + strconv.Itoa(q.Limit+1) // one more reports whether a page follows
	}
	err := tx.each(func(read func(...any) error) error {
		var body string
		if err := read(&body); err != nil {
			return err
		}
		var a Audit
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			return err
		}
		page.Items = append(page.Items, a)
		return nil
	}, statement, args...)
	if err != nil {
		return page, fmt.Errorf("read the audit: %w", err)
	}
	if q.Limit > 0 && len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		page.Next = strconv.FormatInt(page.Items[q.Limit-1].Seq, 10)
	}
	return page, nil
}
