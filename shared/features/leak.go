package features

import (
	"encoding/json"
	"slices"
	"strings"
)

// Leak names the field of the value that an input_config takes for the label and
// for an input, too, so that a model is told what it is to predict. It is empty where
// there is none; where all inputs are labels, as of an autoencoder; and with windows,
// in which the label may be that of a later record.
func Leak(config json.RawMessage) string {
	var c struct {
		DataFields any `json:"data_fields"`
		LabelField any `json:"label_field"`
		Inputs     any `json:"inputs"`
		Label      any `json:"label"`
		Window     any `json:"window"`
	}
	if json.Unmarshal(config, &c) != nil || c.Window != nil { // a config that cannot be read is refused elsewhere
		return ""
	}
	inputs := append(listed(c.DataFields), ofValue(c.Inputs)...)
	labels := append(listed(c.LabelField), ofValue(c.Label)...)
	isLabel := func(name string) bool { return slices.Contains(labels, name) }
	at := slices.IndexFunc(inputs, isLabel)
	if at < 0 || !slices.ContainsFunc(inputs, func(name string) bool { return !isLabel(name) }) {
		return ""
	}
	return inputs[at]
}

// listed are names as data_fields gives them: one, several, or several in one text.
func listed(v any) []string {
	if text, ok := v.(string); ok {
		names := strings.Split(text, ",")
		for i, name := range names {
			names[i] = strings.TrimSpace(name)
		}
		return names
	}
	return ofValue(v)
}

// ofValue are the paths into the value of one column or several, in a list or by
// the names of inputs.
func ofValue(v any) (paths []string) {
	switch v := v.(type) {
	case string:
		return []string{strings.TrimPrefix(v, "$.")}
	case []any:
		for _, one := range v {
			paths = append(paths, ofValue(one)...)
		}
	case map[string]any:
		from, _ := v["from"].(string)
		if path, ok := v["path"].(string); ok && (from == "" || from == origins[fromValue]) {
			return ofValue(path)
		} else if ok || from != "" {
			return nil
		}
		for _, one := range v {
			paths = append(paths, ofValue(one)...)
		}
	}
	return paths
}
