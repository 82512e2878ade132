package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
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
