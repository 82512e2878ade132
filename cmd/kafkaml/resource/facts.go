package resource

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
)

// facts writes names and values in two columns; empty values are left out.
func facts(w io.Writer, pairs ...string) error {
	var rows [][]string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			name := pairs[i]
			if name != "" { // what has none goes on with the value above it
				name += ":"
			}
			rows = append(rows, []string{name, pairs[i+1]})
		}
	}
	return terminal.Table(w, nil, rows)
}

// special says, by JSON name, what a member is called and what is shown of it;
// an empty pair leaves it out.
type special map[string][2]string

// factsOf are the members of a resource as names and values, those that JSON
// leaves out when empty left out here as well.
func factsOf(resource any, shown special) []string {
	var pairs []string
	v := reflect.ValueOf(resource)
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if own, ok := shown[name]; ok {
			pairs = append(pairs, own[0], own[1])
			continue
		}
		if options != "omitempty" || !v.Field(i).IsZero() {
			pairs = append(pairs, strings.ReplaceAll(name, "_", " "), plain(v.Field(i).Interface()))
		}
	}
	return pairs
}

// plain is a member's value as a person reads it; an empty object is empty.
func plain(v any) string {
	switch v := v.(type) {
	case time.Time:
		return stamp(v)
	case *time.Time:
		if v == nil {
			return ""
		}
		return stamp(*v)
	case []int64:
		return ids(v)
	case []string:
		return strings.Join(v, ", ")
	case json.RawMessage:
		return string(v)
	}
	switch reflect.TypeOf(v).Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Pointer:
		b, err := json.Marshal(v)
		if err != nil || string(b) == "{}" || string(b) == "null" {
			return ""
		}
		return string(b)
	}
	return fmt.Sprint(v)
}

// stamp is a time as a person reads it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
