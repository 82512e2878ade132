package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxFile bounds a file of -f, in bytes.
const maxFile = 8 << 20

// readFile reads a file, standard input for "-".
func readFile(env *cli.Env, file string) ([]byte, error) {
	in := env.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, &pipeline.Error{Op: "read -f", Kind: pipeline.Invalid, Err: err}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, &pipeline.Error{Op: "read -f", Err: err}
	}
	if len(b) > maxFile {
		return nil, &pipeline.Error{Op: "read -f", Kind: pipeline.Invalid, Reason: fmt.Sprintf("%s is larger than %d bytes", file, maxFile)}
	}
	return b, nil
}

// manifest reads the members that the file of -f gives, none without a file.
func (f *form) manifest() (map[string]any, error) {
	if f.file == "" {
		return map[string]any{}, nil
	}
	b, err := readFile(f.env, f.file)
	if err != nil {
		return nil, err
	}
	return f.parse(b)
}

// parse reads YAML or JSON. A member that no form has is refused; what a
// resource shows beside its form is passed over, so that the output of
// `show -o yaml` can be edited and given back.
func (f *form) parse(b []byte) (map[string]any, error) {
	text, err := yaml.YAMLToJSONStrict(b)
	if err != nil {
		return nil, f.invalid("", errors.New(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // ids and seeds are 64-bit
	var data map[string]any
	if err := d.Decode(&data); err != nil || data == nil {
		return nil, f.invalid("", errors.New("is not an object with the members "+strings.Join(f.known(), ", ")))
	}
	known, shown := f.known(), jsonNames(reflect.TypeOf(f.resource))
	for name := range data {
		switch {
		case slices.Contains(known, name):
		case slices.Contains(shown, name):
			delete(data, name)
		default:
			return nil, f.invalid(name, errors.New("is not a member of a "+f.one+"; those are "+strings.Join(known, ", ")))
		}
	}
	return data, nil
}

func (f *form) invalid(field string, err error) error {
	return &pipeline.Error{Op: "read " + f.file, Kind: pipeline.Invalid, Field: field, Err: err}
}

// known are the JSON names of the form's members.
func (f *form) known() []string {
	var all []string
	for _, m := range f.members {
		outer, _, _ := strings.Cut(m.name, ".")
		if !slices.Contains(all, outer) {
			all = append(all, outer)
		}
	}
	return all
}

// jsonNames are the JSON names of a struct's members, those of embedded
// structs included.
func jsonNames(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			all = append(all, jsonNames(field.Type)...)
		case name != "" && name != "-":
			all = append(all, name)
		}
	}
	return all
}

// isManifest reports whether b is YAML or JSON and not Python source: by the file's name, or for
// standard input by its content.
func (f *form) isManifest(b []byte) bool {
	switch strings.ToLower(filepath.Ext(f.file)) {
	case ".yaml", ".yml", ".json":
		return true
	case ".py":
		return false
	}
	var data map[string]any
	return yaml.Unmarshal(b, &data) == nil && data["source"] != nil
}
