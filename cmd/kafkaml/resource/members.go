package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// member is one member of a form: a member of a file's YAML or JSON and, unless
// it is hidden, a flag.
type member struct {
	name     string // in JSON; "resources.cpu" lies in an object
	flag     string
	arg      string // what the value is called
	usage    string
	hidden   bool                                      // it has no flag
	required bool                                      // on create
	parse    func(text string) (any, error)            // what a flag's text means; nil: the text
	spread   func(text string) (map[string]any, error) // one flag that gives several members
	ref      reference                                 // the member holds an id, or ids where list is set
	list     bool
	words    []string // for completion, where the values are few
	truth    bool     // true or false, true where its flag stands alone
}

// membersOf are the members of a form by its tags, which eventing/schema
// explains: the flags are those of the contract.
func membersOf(form any) []member { return membersBelow(reflect.TypeOf(form), "") }

// withWords gives a member the values that are completed, where the contract
// leaves them open.
func withWords(members []member, name string, words []string) []member {
	for i := range members {
		if members[i].name == name {
			members[i].words = words
		}
	}
	return members
}

func membersBelow(form reflect.Type, prefix string) []member {
	var all []member
	for i := range form.NumField() {
		field := form.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if t := field.Type; t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			all = append(all, membersBelow(t.Elem(), name+".")...)
			continue
		}
		all = append(all, memberOf(field, prefix, name))
	}
	return all
}

func memberOf(field reflect.StructField, prefix, name string) member {
	tag := field.Tag
	m := member{
		name: prefix + name, flag: strings.ReplaceAll(name, "_", "-"), usage: tag.Get("description"),
		required: tag.Get("required") == "true", ref: referenceTo[tag.Get("refers")], arg: strings.ToUpper(name[strings.LastIndex(name, "_")+1:]),
		list: field.Type.Kind() == reflect.Slice && tag.Get("refers") != "",
	}
	for _, set := range []struct {
		tag string
		to  *string
	}{{"flag", &m.flag}, {"arg", &m.arg}} {
		if v := tag.Get(set.tag); v != "" {
			*set.to = v
		}
	}
	m.hidden = m.flag == "-"
	if m.truth = field.Type.Kind() == reflect.Bool; m.truth {
		m.arg = "BOOL"
	}
	switch {
	case m.list:
		m.usage += ": names or ids, separated by commas"
	case m.ref != nil && m.ref.named():
		m.usage += ": its name or id"
	case m.ref != nil:
		m.usage += ": its id"
	case field.Type == reflect.TypeFor[json.RawMessage]():
		m.usage += ", or @FILE"
		m.parse = object
	default:
		m.parse = parserOf(field.Type)
	}
	if e, ok := reflect.Zero(field.Type).Interface().(interface{ Enum() []any }); ok {
		m.words = pipeline.Words(e)
	} else if words := tag.Get("enum"); words != "" {
		m.words = strings.Split(words, ",")
	}
	return m
}

// parserOf reads a flag's text as a value of a Go type; an id is resolved later.
func parserOf(t reflect.Type) func(string) (any, error) {
	if t.Kind() == reflect.Pointer { // to tell a zero from nothing
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[pipeline.Arguments]():
		return kwargs
	case t.Kind() == reflect.Map:
		return pairs
	case t == reflect.TypeFor[[]string]():
		return list
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return integer
	case t.Kind() == reflect.Float64:
		return fraction
	case t.Kind() == reflect.Bool:
		return truth
	}
	return nil
}

// referenceTo is what a member may refer to, as the tag refers says it.
var referenceTo = map[string]reference{
	"": nil, "model": toModel, "configuration": toConfiguration, "deployment": toDeployment, "result": toResult, "datasource": toDatasource,
}

// text is a flag's value that says what it is called.
type text struct {
	to  *string
	arg string
}

// String implements pflag.Value.
func (t text) String() string {
	if t.to == nil {
		return ""
	}
	return *t.to
}

// Set implements pflag.Value.
func (t text) Set(v string) error {
	*t.to = v
	return nil
}

// Type implements pflag.Value.
func (t text) Type() string { return t.arg }

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
		if m.hidden {
			continue
		}
		cmd.Flags().Var(text{&f.texts[i], m.arg}, m.flag, m.usage)
		if m.truth {
			cmd.Flags().Lookup(m.flag).NoOptDefVal = "true"
		}
		complete := cli.Choices(m.words...)
		if m.ref != nil {
			complete = m.ref.complete(k.env)
		}
		// The flag exists, so this cannot fail.
		_ = cmd.RegisterFlagCompletionFunc(m.flag, complete)
	}
}

// fill sets in data what the flags of cmd say, over what a file said, and
// turns references into ids.
func (f *form) fill(ctx context.Context, c *client.Client, cmd *cobra.Command, data map[string]any) error {
	for i, m := range f.members {
		if m.hidden || !cmd.Flags().Changed(m.flag) {
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
		if m.required && !m.hidden && data[m.name] == nil {
			return cli.Usagef("missing --%s (or %s in the file of -f)", m.flag, m.name)
		}
	}
	return nil
}

func (m member) set(data map[string]any, text string) error {
	if m.spread != nil {
		values, err := m.spread(text)
		if err != nil {
			return cli.Usagef("--%s %q: %s", m.flag, text, err)
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
			return cli.Usagef("--%s %q: %s", m.flag, text, err)
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

func fraction(text string) (any, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) { // of which JSON has none
		return nil, fmt.Errorf("not a number")
	}
	return n, nil
}

func truth(text string) (any, error) {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return nil, fmt.Errorf("neither true nor false")
	}
	return b, nil
}

// object reads JSON, or the JSON in a file after "@".
func object(text string) (any, error) {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text = strings.TrimPrefix(string(b), "\ufeff") // of an editor of Windows
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

// list reads "a,b".
func list(text string) (any, error) { return strings.Split(text, ","), nil }

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
