package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// filter is an expression in CEL (cel.dev) of which records are kept:
//
//	value.payment.amount > 0.0 && key != "" && has(value.card)
//
// value and key have the fields of a record, headers is a map of texts, timestamp
// the record's time. It is compiled once, to read only the fields that it names.
type filter struct {
	text    string
	program cel.Program
	fields  []filterField
	json    bool // its numbers are doubles, whether they have a point or not
}

// filterField is one path that an expression names: its value, or with test
// whether it is there.
type filterField struct {
	name string // of the variable that stands for it
	path string // as it is written
	of   origin
	at   int
	test bool
}

// The bounds of an expression, which comes with a message.
const (
	whereBytes = 4096
	whereCost  = 1_000_000 // of one with loops, for one record
)

// filter compiles the member where.
func (b *builder) filter(raw json.RawMessage) (*filter, error) {
	f := &filter{json: b.format == pipeline.JSON || b.format == pipeline.TelegrafJSON}
	if json.Unmarshal(raw, &f.text) != nil {
		return nil, pipeline.Invalidf(memberWhere, "is no text").WithHint(whereHint)
	}
	if len(f.text) > whereBytes {
		return nil, pipeline.Invalidf(memberWhere, "has more than %d characters", whereBytes)
	}
	env, err := cel.NewEnv(
		cel.Variable("value", cel.DynType), cel.Variable("key", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)), cel.Variable("timestamp", cel.TimestampType),
		cel.Variable(thereName, cel.BoolType), cel.CrossTypeNumericComparisons(true), cel.ParserRecursionLimit(100),
	)
	if err != nil {
		return nil, &pipeline.Error{Op: "compile where", Err: err}
	}
	parsed, issues := env.Parse(f.text)
	if issues.Err() != nil {
		return nil, whereRefusal(issues)
	}
	c := &fieldFinder{builder: b, filter: f, makes: ast.NewExprFactory(), info: parsed.NativeRep().SourceInfo()}
	if c.visit(parsed.NativeRep().Expr(), nil); c.err != nil {
		return nil, c.err
	}
	if env, err = env.Extend(f.variables()...); err != nil {
		return nil, &pipeline.Error{Op: "compile where", Err: err}
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, whereRefusal(issues)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, pipeline.Invalidf(memberWhere, "gives %s, and not true or false", t).WithHint(whereHint)
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if c.loops { // else the size of the expression bounds its work
		options = append(options, cel.CostLimit(whereCost))
	}
	if f.program, err = env.Program(checked, options...); err != nil {
		return nil, pipeline.Invalidf(memberWhere, "%v", err).WithHint(whereHint)
	}
	return f, nil
}

// variables declares what stands for the fields.
func (f *filter) variables() (all []cel.EnvOption) {
	for _, v := range f.fields {
		of := cel.DynType
		if v.test {
			of = cel.BoolType
		}
		all = append(all, cel.Variable(v.name, of))
	}
	return all
}

const whereHint = `it is an expression in CEL that is true for the records to keep, such as value.amount > 0 && key != ""`

// whereRefusal says where in the expression what is wrong.
func whereRefusal(issues *cel.Issues) error {
	first := issues.Errors()[0]
	return whereFault(first.Location.Line(), first.Location.Column(), plainWords(first.Message))
}

// plainWords is a message of the parser without its list of all that could be.
func plainWords(message string) string {
	message, _, _ = strings.Cut(strings.TrimPrefix(message, "Syntax error: "), " expecting ")
	message = strings.ReplaceAll(message, " (in container '')", "")
	switch {
	case strings.HasSuffix(message, "'<EOF>'"):
		return "the expression ends too early"
	case strings.HasPrefix(message, "mismatched input "), strings.HasPrefix(message, "extraneous input "):
		return message[len("mismatched input "):] + " cannot stand here"
	}
	return message
}

func whereFault(line, column int, reason string) error {
	at := fmt.Sprintf("column %d", column+1)
	if line > 1 {
		at = fmt.Sprintf("line %d, %s", line, at)
	}
	return pipeline.Invalidf(memberWhere, "%s: %s", at, reason).WithHint("%s", whereHint)
}

// variables are what an expression sees of one record.
type variables struct {
	state  *state
	filter *filter
}

// ResolveName implements cel.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "headers":
		all := map[string]string{}
		for _, h := range v.state.record.Headers {
			all[h.Key] = string(h.Value)
		}
		return all, true
	case "timestamp":
		return types.Timestamp{Time: v.state.record.Time.UTC()}, true
	case thereName:
		return types.Bool(v.state.record.Value != nil), true
	}
	for i := range v.filter.fields {
		f := &v.filter.fields[i]
		if f.name != name {
			continue
		}
		field := &v.state.value
		if f.of == fromKey {
			field = &v.state.key
		}
		if f.test {
			return types.Bool((*field)[f.at].Kind != codec.Absent), true
		}
		return v.filter.value(f, &(*field)[f.at]), true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (*variables) Parent() cel.Activation { return nil }

// value is a field as CEL has it.
func (f *filter) value(of *filterField, is *codec.Field) ref.Val {
	switch is.Kind {
	case codec.Absent:
		if of.path == "key" {
			return types.String("")
		}
		return types.NewErr("the record has no %s", of.path)
	case codec.Null:
		return types.NullValue
	case codec.Truth:
		return types.Bool(is.Bits != 0)
	case codec.Text, codec.Symbol:
		return types.String(is.Text)
	case codec.Object:
		return types.NewErr("%s is an object: name a value within it", of.path)
	case codec.List:
		all := make([]ref.Val, len(is.Items))
		for i := range is.Items {
			if all[i] = f.value(of, &is.Items[i]); types.IsError(all[i]) {
				return all[i]
			}
		}
		return types.DefaultTypeAdapter.NativeToValue(all)
	}
	switch {
	case is.Unit != codec.Plain:
		return timestampOf(is)
	case f.json || is.Kind == codec.Real:
		return types.Double(is.Float())
	case is.Kind == codec.Natural:
		return types.Uint(is.Bits)
	}
	return types.Int(is.Bits) // #nosec G115 -- as it was stored
}

// keep is ErrLeftOut for a record that is not kept, or says why that cannot be
// told.
func (f *filter) keep(s *state) error {
	s.where = variables{s, f}
	kept, _, err := f.program.Eval(&s.where)
	if err == nil {
		truth, is := kept.(types.Bool)
		switch {
		case is && bool(truth):
			return nil
		case is:
			return ErrLeftOut
		}
		err = fmt.Errorf("it gives %s, and not true or false", kept.Type().TypeName())
	}
	return f.fault(err)
}

func (f *filter) fault(err error) error {
	hint := "try whether a field is there with has(value.field), and whether it is null with value.field != null"
	reason := err.Error()
	var named interface{ Unwrap() error }
	if errors.As(err, &named) {
		reason = named.Unwrap().Error()
	}
	if strings.Contains(reason, "no such overload") {
		hint = "operands of arithmetic are of one type: of JSON all numbers are doubles, write 2.0 or int(value.field); compare texts with texts"
	}
	return &codec.Fault{Reason: fmt.Sprintf("where (%s) cannot be told: %s", clip([]byte(f.text)), reason), Hint: hint}
}
