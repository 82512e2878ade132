package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// MarshalJSON writes a value that is no number, as the loss of a training that
// diverged, as "NaN", "Infinity" or "-Infinity": JSON has no such numbers, and
// a person must see them. (protobuf's JSON mapping writes them so too.)
func (m Metrics) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("null"), nil
	}
	values := make(map[string]any, len(m))
	for name, v := range m {
		switch {
		case math.IsNaN(v):
			values[name] = "NaN"
		case math.IsInf(v, 1):
			values[name] = "Infinity"
		case math.IsInf(v, -1):
			values[name] = "-Infinity"
		default:
			values[name] = v
		}
	}
	return json.Marshal(values)
}

// JSONSchemaBytes is the schema of what MarshalJSON writes.
func (Metrics) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"type":"object","additionalProperties":{"type":["number","string","null"]}}`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Metrics) UnmarshalJSON(b []byte) error {
	var values map[string]any
	if err := json.Unmarshal(b, &values); err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	if values == nil {
		*m = nil
		return nil
	}
	read := make(Metrics, len(values))
	for name, v := range values {
		switch v := v.(type) {
		case float64:
			read[name] = v
			continue
		case string:
			if f, ok := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[v]; ok {
				read[name] = f
				continue
			}
		}
		return Invalidf(name, "%v is not the value of a metric", v)
	}
	*m = read
	return nil
}

// Reported are the names of the metrics that the model reports of any split.
func (e Export) Reported() []string {
	return slices.DeleteFunc(sortedKeys(e.Monitors), func(name string) bool { return strings.HasPrefix(name, ValidationPrefix) })
}

// Sought is a metric of models that they are watched or compared by.
type Sought struct {
	Metric    string
	Mode      MetricMode // which values are better; "" or auto: the model says
	Validated bool       // val_NAME will do as well

	// What a refusal names: the members of the form that have Metric and Mode, and what
	// to do where nobody knows the mode.
	Field, ModeField, Hint string
}

// In gives whether min or max of the metric is better. It is Invalid where the model
// does not report the metric, or does not say and nor does Mode.
func (s Sought) In(e Export) (MetricMode, error) {
	names, more := e.Reported(), ""
	if s.Validated {
		names, more = sortedKeys(e.Monitors), "; those with val_ need a stream with a validation_rate"
	}
	better := e.Monitors[s.Metric]
	switch {
	case len(e.Monitors) == 0:
		return "", Invalidf(s.Field, "the model was registered by an earlier version, which did not say what it reports").WithHint("register the model again")
	case !slices.Contains(names, s.Metric):
		return "", Invalidf(s.Field, "the model reports no %q", s.Metric).WithHint("it reports %s%s", strings.Join(names, ", "), more)
	case s.Mode != "" && s.Mode != ModeAuto:
		return s.Mode, nil
	case better == "":
		return "", Invalidf(s.ModeField, "whether a high or a low %s is better cannot be told by its name", s.Metric).WithHint("%s", s.Hint)
	}
	return better, nil
}
