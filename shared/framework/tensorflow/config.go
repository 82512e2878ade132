package tensorflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// kerasHolds reports whether a .keras file can hold what the layers have learned.
func (t *Trainer) kerasHolds() bool {
	for _, l := range t.learners {
		if _, err := l.config(); err != nil {
			return false
		}
	}
	return true
}

// kerasConfig is the template's config.json with what the layers have learned
// where a source would have given it to them.
func (t *Trainer) kerasConfig(template string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(template, "config.json")) // #nosec G304 -- below a folder of ours
	if err != nil || len(t.learners) == 0 {
		return raw, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var whole any
	if err := d.Decode(&whole); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	for _, l := range t.learners {
		members, err := l.config()
		if err != nil {
			return nil, err
		}
		if len(members) == 0 {
			continue
		}
		if n := give(whole, l.Class, l.Layer, members); n != 1 {
			return nil, fmt.Errorf("config.json has %d layers %s of class %s", n, l.Layer, l.Class)
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(whole); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// give puts members into the config of each layer of a class and name, and says
// how many there were.
func give(config any, class, name string, members map[string]any) (n int) {
	switch c := config.(type) {
	case []any:
		for _, part := range c {
			n += give(part, class, name, members)
		}
	case map[string]any:
		for _, part := range c {
			n += give(part, class, name, members)
		}
		if own, ok := c["config"].(map[string]any); ok && c["class_name"] == class && own["name"] == name {
			maps.Copy(own, members)
			n++
		}
	}
	return n
}
