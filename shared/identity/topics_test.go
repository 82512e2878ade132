package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func topicsOf(t *testing.T, text string) Topics {
	t.Helper()
	read, _, err := ReadTopics(func(name string) string {
		if name == "KAFKAML_TOPICS_READ" {
			return text
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// Topics that the patterns of a role do not give are refused, by name.
func TestAttackTopicsOfNoRole(t *testing.T) {
	for _, c := range []struct {
		patterns, topic string
		from            Role // that may use it; above Operator: nobody
	}{
		{"", "payroll", Nobody},
		{"  ", "payroll", Nobody},
		{"*", "payroll", Nobody},
		{"sensors.*", "sensors.a", Nobody},
		{"sensors.*", "sensors.", Nobody},
		{"sensors.*", "sensors", Operator + 1},
		{"sensors.*", "a.sensors.b", Operator + 1},
		{"sensors.*", "sensorsXa", Operator + 1}, // the dot is one
		{"sensors.*", "Sensors.a", Operator + 1},
		{"sensors", "sensors", Nobody},
		{"sensors", "sensors.a", Operator + 1},
		{"sensors.*, !*.raw", "sensors.a.raw", Operator + 1},
		{"!*.raw,sensors.*", "sensors.a", Nobody},
		{"!payroll*", "payroll-2026", Operator + 1},
		{"!payroll*", "sensors", Nobody},
		{"editor:sensors.*;operator:*", "sensors.a", Editor},
		{"editor:sensors.*;operator:*", "payroll", Operator},
		{"sensors.* ; operator : *,!secret", "sensors.a", Nobody},
		{"sensors.* ; operator : *,!secret", "payroll", Operator},
		{"sensors.* ; operator : *,!secret", "secret", Operator + 1},
		{"!payroll;operator:*", "payroll", Operator},
		{"a*b*c", "a1b2c", Nobody},
		{"a*b*c", "a1b2", Operator + 1},
	} {
		topics := topicsOf(t, c.patterns)
		for role := Nobody; role <= Operator; role++ {
			err := topics.Allow(Principal{ID: "token:ada", Name: "ada", Role: role}, "topic", c.topic)
			if (err == nil) != (role >= c.from) || err != nil && pipeline.KindOf(err) != pipeline.Forbidden {
				t.Errorf("%q, %s as %s: %v", c.patterns, c.topic, role, err)
			}
		}
	}
	err := topicsOf(t, "viewer:sensors.*,!x;operator:*").Allow(Principal{Name: "ada", Role: Editor}, "input_topic", "sensors.a", "payroll")
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Field != "input_topic" {
		t.Fatal(err)
	}
	for _, word := range []string{"ada", "payroll", "KAFKAML_TOPICS_READ", "editor", "sensors.*,!x"} {
		if !strings.Contains(e.Reason, word) {
			t.Errorf("%q is not in %s", word, e.Reason)
		}
	}
	if strings.Contains(e.Reason, "*;") || !strings.Contains(e.Hint, "KAFKAML_TOPICS_READ") {
		t.Errorf("%s; %s", e.Reason, e.Hint)
	}
}

// The name of a tenant becomes a pattern, whose refusal would name a variable that
// nobody has set.
func TestTenantThatIsNone(t *testing.T) {
	_, _, err := ReadTopics(func(name string) string {
		return map[string]string{pipeline.TenantVariable: "Team B"}[name]
	})
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Field != pipeline.TenantVariable || e.Hint == "" {
		t.Error(err)
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	for _, text := range []string{"root:*", "editor:", "sensors.*;", ",", "a,,b", "!", "sensors[ab]", `a\*`, "a?", "editor:viewer:*", "a b"} {
		_, _, err := ReadTopics(func(name string) string {
			if name == "KAFKAML_TOPICS_WRITE" {
				return text
			}
			return ""
		})
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Field != "KAFKAML_TOPICS_WRITE" || e.Kind != pipeline.Invalid || e.Hint == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
