package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// message is the JSON of a control message, as producers of any age send
// it.
type message struct {
	deployment, validation, test, total, seed number
	topic, format, description, order         *string
	unlabelled                                *string
	unlabelledTotal                           number
	since, until                              moment
	asked                                     *pipeline.Asked
	split                                     way
	config, configuration                     json.RawMessage
	shuffle                                   *bool
}

// members are the names of the contract; all others are kept as they are.
func (v *message) members() []member {
	return []member{
		{"deployment_id", &v.deployment},
		{"topic", &v.topic},
		{"input_format", &v.format},
		{"input_config", &v.config},
		{"configuration", &v.configuration}, // input_config in the original's first releases
		{"validation_rate", &v.validation},
		{"test_rate", &v.test},
		{"total_msg", &v.total},
		{"unsupervised_topic", &v.unlabelled},
		{"unsupervised_msg", &v.unlabelledTotal},
		{"description", &v.description},
		{"shuffle", &v.shuffle},
		{"seed", &v.seed},
		{"order", &v.order},
		{"since", &v.since},
		{"until", &v.until},
		{"asked", &v.asked},
		{"split", &v.split},
	}
}

type member struct {
	name string
	into any
}

// number is a JSON number, or one written as a string. It is empty where the
// member is absent or null.
type number string

// UnmarshalJSON reads 1, "1" or null.
func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.TrimSpace(strings.Trim(string(b), `"`))
	if text == "null" || text == "" {
		return nil
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return fmt.Errorf("%s is not a number", b)
	}
	*n = number(text)
	return nil
}

// moment is a time as text, which a producer may write as a number of
// milliseconds. It is empty where the member is absent or null.
type moment string

// UnmarshalJSON reads "7d", "1772352000000", 1772352000000 or null.
func (m *moment) UnmarshalJSON(b []byte) error {
	var n number
	if b[0] != '"' && n.UnmarshalJSON(b) == nil {
		*m = moment(n)
		return nil
	}
	return json.Unmarshal(b, (*string)(m))
}

// way is how a stream is split: its name, or an object of by and seed.
type way struct {
	by   string
	seed number
}

// UnmarshalJSON reads "label", {"by": "label", "seed": 3} or null.
func (w *way) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return json.Unmarshal(b, &w.by)
	}
	var both struct {
		By   string
		Seed number
	}
	err := json.Unmarshal(b, &both)
	w.by, w.seed = both.By, both.Seed
	return err
}

const opParse = "read control message"

// Parse reads a record of the control topic in all forms of the contract. A
// range in three parts comes back with Length -1, "to the end as of now", and a
// topic that is bounded by times with Partition -1 as well: Read looks them up.
// After an error the datasource holds what
// could be read, so that the refusal can be shown with it; the error names the
// member at fault.
func Parse(key, value []byte) (pipeline.Datasource, error) {
	p := parse(key, value, nil)
	if p.err != nil {
		return *p.d, p.err
	}
	return *p.d, nil
}

// parse is Parse, and leaves what only the log can tell with the parser.
func parse(key, value []byte, follows func(int64) bool) *parser {
	d := &pipeline.Datasource{Origin: pipeline.Origin{Bytes: len(key) + len(value)}}
	p := &parser{d: d, follows: follows, now: time.Now().UTC()}
	all, fault := object(value)
	if fault != nil {
		p.fail(fault) // the first to be said: what the key names is shown with it
		p.deployment(key, "")
		return p
	}
	var v message
	for _, m := range v.members() {
		if raw, ok := all[m.name]; ok {
			if json.Unmarshal(raw, m.into) != nil {
				p.fail(pipeline.Invalidf(m.name, "%s is not %s", clip(raw), wanted(m.into)))
			}
			delete(all, m.name)
		}
	}
	if len(all) > 0 {
		d.Extra = all
	}
	p.fill(key, &v)
	return p
}

// wanted says what a member is read into.
func wanted(into any) string {
	switch into.(type) {
	case *number:
		return "a number"
	case **bool:
		return "true or false"
	case *way:
		return "time, random or label, or an object of by and seed"
	case *moment:
		return "a time"
	}
	return "text"
}

// clip keeps a message readable whatever came.
func clip(raw []byte) string {
	const shown = 60
	if len(raw) > shown {
		return string(bytes.ToValidUTF8(raw[:shown], nil)) + "..."
	}
	return string(raw)
}
