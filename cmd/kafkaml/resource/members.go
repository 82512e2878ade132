package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// member is one member of a form: a flag, and a member of a file's YAML or JSON.
type member struct {
	name     string // in JSON; "resources.cpu" lies in an object
	flag     string // name with dashes when empty
	usage    string
	required bool                                      // on create
	parse    func(text string) (any, error)            // what a flag's text means; nil: the text
	spread   func(text string) (map[string]any, error) // one flag that gives several members
	ref      reference                                 // the member holds an id, or ids where list is set
	list     bool
	words    []string // for completion, where the values are few
}

func (m member) flagName() string {
	if m.flag != "" {
		return m.flag
	}
	return strings.ReplaceAll(m.name, "_", "-")
}

// form gathers the members that one invocation gives, from flags and a file.
type form struct {
	env      *cli.Env
	one      string
	members  []member
	texts    []string
	file     string
	resource any // whose further members a file may hold: it may come from `show -o yaml`
}

// attach adds the flags of the kind's members to cmd. They are bound to f, which
// must stay where it is.
func attach[T any](f *form, k kind[T], cmd *cobra.Command, fileUsage string) {
	var resource T
	f.env, f.one, f.members, f.resource = k.env, k.one, k.members, resource
	f.texts = make([]string, len(k.members))
	cmd.Flags().StringVarP(&f.file, "file", "f", "", fileUsage)
	for i, m := range f.members {
		cmd.Flags().StringVar(&f.texts[i], m.flagName(), "", m.usage)
		complete := cli.Choices(m.words...)
		if m.ref != nil {
			complete = m.ref.complete(k.env)
		}
		// The flag exists, so this cannot fail.
		_ = cmd.RegisterFlagCompletionFunc(m.flagName(), complete)
	}
}

// fill sets in data what the flags of cmd say, over what a file said, and
// turns references into ids.
func (f *form) fill(ctx context.Context, c *client.Client, cmd *cobra.Command, data map[string]any) error {
	for i, m := range f.members {
		if !cmd.Flags().Changed(m.flagName()) {
			continue
		}
		if err := m.set(data, f.texts[i]); err != nil {
			return err
		}
	}
	for _, m := range f.members {
		if m.ref == nil || data[m.name] == nil {
			continue
		}
		resolved, err := f.resolve(ctx, c, m, data[m.name])
		if err != nil {
			return err
		}
		data[m.name] = resolved
	}
	return nil
}

// missing says which member a new one cannot do without.
func (f *form) missing(data map[string]any) error {
	for _, m := range f.members {
		if m.required && data[m.name] == nil {
			return cli.Usagef("missing --%s (or %s in the file of -f)", m.flagName(), m.name)
		}
	}
	return nil
}

func (m member) set(data map[string]any, text string) error {
	if m.spread != nil {
		values, err := m.spread(text)
		if err != nil {
			return cli.Usagef("--%s %q: %s", m.flagName(), text, err)
		}
		for name, v := range values {
			data[name] = v
		}
		return nil
	}
	var v any = text
	if m.parse != nil {
		var err error
		if v, err = m.parse(text); err != nil {
			return cli.Usagef("--%s %q: %s", m.flagName(), text, err)
		}
	}
	if m.list {
		v = strings.Split(text, ",")
	}
	outer, inner, nested := strings.Cut(m.name, ".")
	if !nested {
		data[m.name] = v
		return nil
	}
	object, ok := data[outer].(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object[inner] = v
	data[outer] = object
	return nil
}

// resolve turns what was written for a reference, name or id, into the id.
func (f *form) resolve(ctx context.Context, c *client.Client, m member, v any) (any, error) {
	switch v := v.(type) {
	case []any:
		return resolveAll(f, ctx, c, m, v)
	case []string:
		return resolveAll(f, ctx, c, m, v)
	case string:
		if m.list {
			return resolveAll(f, ctx, c, m, []string{v})
		}
		return m.ref.id(ctx, f.env, c, strings.TrimSpace(v))
	case json.Number:
		return v, nil
	}
	return nil, pipeline.Invalidf(m.name, "%v is neither a name nor an id", v)
}

func resolveAll[V any](f *form, ctx context.Context, c *client.Client, m member, all []V) (any, error) {
	resolved := make([]any, len(all))
	for i, v := range all {
		id, err := f.resolve(ctx, c, member{name: m.name, ref: m.ref}, v)
		if err != nil {
			return nil, err
		}
		resolved[i] = id
	}
	return resolved, nil
}

func integer(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("not an integer")
	}
	return n, nil
}

// object reads JSON, or the JSON in a file after "@".
func object(text string) (any, error) {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	return v, nil
}

// kwargs reads a JSON object as one and leaves other text to the function that
// knows Keras' arguments.
func kwargs(text string) (any, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return object(text)
	}
	return text, nil
}

// pairs reads "a=b,c=d".
func pairs(text string) (any, error) {
	all := map[string]any{}
	for _, pair := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not NAME=VALUE", pair)
		}
		all[name] = value
	}
	return all, nil
}
