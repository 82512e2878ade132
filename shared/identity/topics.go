package identity

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Topics say which topics may be read, or written, by role. The zero value lets
// everybody use all. Kafka's own topics are refused before, whatever is said
// here.
type Topics struct {
	variable, use string // KAFKAML_TOPICS_READ and read
	lists         []topicList
}

// topicList is one list of patterns.
type topicList struct {
	from        Role // and those above; Nobody for all
	take, leave []string
	text        string
}

// topicPattern is a part of a topic's name in which * stands for any text.
var topicPattern = regexp.MustCompile(`^[A-Za-z0-9._*-]+$`)

// ReadTopics reads which topics may be read and written:
//
//	KAFKAML_TOPICS_READ, KAFKAML_TOPICS_WRITE
//	    lists separated by ";", each of patterns separated by ",". * stands for any
//	    text, ! before a pattern takes out what it matches, and a list of such alone
//	    begins with all topics. "ROLE:" before a list gives it to that role and
//	    those above it; without one it is everybody's. What one list of a role
//	    allows is allowed: "sensors.*,!sensors.raw; operator:*". Where nothing is
//	    said all topics, or those of KAFKAML_TENANT
func ReadTopics(getenv func(string) string) (read, write Topics, err error) {
	if tenant := getenv(pipeline.TenantVariable); tenant != "" {
		if err := pipeline.ValidateTenant(tenant); err != nil {
			return read, write, err // before its name becomes a pattern
		}
	}
	const reads, writes = "KAFKAML_TOPICS_READ", "KAFKAML_TOPICS_WRITE"
	said := func(variable string) string {
		if tenant := getenv(pipeline.TenantVariable); getenv(variable) == "" && tenant != "" {
			return pipeline.OfTenant(tenant, "*")
		}
		return getenv(variable)
	}
	if read, err = parseTopics(reads, "read", said(reads)); err != nil {
		return read, write, err
	}
	write, err = parseTopics(writes, "write", said(writes))
	return read, write, err
}

func parseTopics(variable, use, text string) (Topics, error) {
	t := Topics{variable: variable, use: use}
	if strings.TrimSpace(text) == "" {
		return t, nil
	}
	for list := range strings.SplitSeq(text, ";") {
		l, err := parseTopicList(strings.TrimSpace(list))
		if err != nil {
			return t, (&pipeline.Error{Op: "read the patterns of topics", Kind: pipeline.Invalid, Field: variable, Reason: err.Error(), Err: err}).
				WithHint("write lists of patterns, by role where they differ: sensors.*,!sensors.raw; operator:*")
		}
		t.lists = append(t.lists, l)
	}
	return t, nil
}

func parseTopicList(text string) (l topicList, err error) {
	role, patterns, named := strings.Cut(text, ":")
	if !named {
		patterns = text
	} else if l.from, err = ParseRole(strings.TrimSpace(role)); err != nil {
		return l, fmt.Errorf("%q is not a role", strings.TrimSpace(role))
	}
	var all []string
	for one := range strings.SplitSeq(patterns, ",") {
		one = strings.TrimSpace(one)
		pattern, leave := strings.CutPrefix(one, "!")
		if !topicPattern.MatchString(pattern) {
			return l, fmt.Errorf("%q is not a pattern of topics", one)
		}
		if leave {
			l.leave = append(l.leave, pattern)
		} else {
			l.take = append(l.take, pattern)
		}
		all = append(all, one)
	}
	if l.take == nil {
		l.take = []string{"*"}
	}
	l.text = strings.Join(all, ",")
	return l, nil
}

func (l topicList) allows(topic string) bool {
	return oneMatches(l.take, topic) && !oneMatches(l.leave, topic)
}

func oneMatches(patterns []string, topic string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, topic); ok { // a pattern has no other signs than *
			return true
		}
	}
	return false
}

// Allow is nil where p may use all of the topics; field is the member that names
// them.
func (t Topics) Allow(p Principal, field string, topics ...string) error {
	for _, topic := range topics {
		if err := t.allow(p, field, topic); err != nil {
			return err
		}
	}
	return nil
}

func (t Topics) allow(p Principal, field, topic string) error {
	if len(t.lists) == 0 {
		return nil
	}
	var said []string
	for _, l := range t.lists {
		if p.Role < l.from {
			continue
		}
		if l.allows(topic) {
			return nil
		}
		said = append(said, l.text)
	}
	allowed := strings.Join(said, "; ")
	if allowed == "" {
		allowed = "none"
	}
	return (&pipeline.Error{
		Op: "authorize", Kind: pipeline.Forbidden, Field: field,
		Reason: fmt.Sprintf("%s may not %s topic %q: %s allows to the role %s: %s", p.Name, t.use, topic, t.variable, p.Role, allowed),
	}).WithHint("name another topic, or ask an operator of this installation to allow it in %s", t.variable)
}
