package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/swaggest/jsonschema-go"
)

// TypeScript writes the schemas as exported types under their names.
func TypeScript(all map[string]Schema) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		if len(s.Properties) == 0 {
			fmt.Fprintf(&b, "export type %s = %s\n", name, typeOf(s))
			continue
		}
		fmt.Fprintf(&b, "export interface %s {\n", name)
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			p := *s.Properties[member].TypeObject
			if p.Description != nil {
				fmt.Fprintf(&b, "  /** %s */\n", *p.Description)
			}
			optional := "?"
			if slices.Contains(s.Required, member) {
				optional = ""
			}
			fmt.Fprintf(&b, "  %s%s: %s\n", member, optional, typeOf(p))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// typeOf is the type of the values that s describes.
func typeOf(s Schema) string {
	switch {
	case s.Ref != nil:
		return (*s.Ref)[strings.LastIndex(*s.Ref, "/")+1:]
	case len(s.Enum) > 0:
		return union(s.Enum, func(v any) string {
			b, _ := json.Marshal(v) // it came from a tag or a constant
			return strings.ReplaceAll(string(b), `"`, "'")
		})
	case len(s.AnyOf) > 0:
		return union(s.AnyOf, func(v jsonschema.SchemaOrBool) string { return typeOf(*v.TypeObject) })
	case s.Type == nil:
		return "unknown"
	case s.Type.SimpleTypes != nil:
		return simple(s, *s.Type.SimpleTypes)
	}
	return union(s.Type.SliceOfSimpleTypeValues, func(t jsonschema.SimpleType) string { return simple(s, t) })
}

func union[T any](all []T, text func(T) string) string {
	parts := make([]string, len(all))
	for i, v := range all {
		parts[i] = text(v)
	}
	return strings.Join(parts, " | ")
}

// simple is one of the types that the values may have.
func simple(s Schema, t jsonschema.SimpleType) string {
	switch t {
	case jsonschema.Integer, jsonschema.Number:
		return "number"
	case jsonschema.Array:
		item := "unknown"
		if s.Items != nil && s.Items.SchemaOrBool != nil {
			item = typeOf(*s.Items.SchemaOrBool.TypeObject)
		}
		if strings.Contains(item, " | ") {
			item = "(" + item + ")"
		}
		return item + "[]"
	case jsonschema.Object:
		if len(s.Properties) > 0 {
			return inline(s)
		}
		value := "unknown"
		if a := s.AdditionalProperties; a != nil && a.TypeObject != nil {
			value = typeOf(*a.TypeObject)
		}
		return "Record<string, " + value + ">"
	}
	return string(t)
}

// inline is an object within another.
func inline(s Schema) string {
	var members []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		optional := "?"
		if slices.Contains(s.Required, name) {
			optional = ""
		}
		members = append(members, name+optional+": "+typeOf(*s.Properties[name].TypeObject))
	}
	return "{ " + strings.Join(members, "; ") + " }"
}
