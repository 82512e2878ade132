package features

import (
	"fmt"
	"slices"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// fieldFinder puts variables in the place of the paths that an expression names,
// so that only those are read.
type fieldFinder struct {
	builder *builder
	filter  *filter
	makes   ast.ExprFactory
	info    *ast.SourceInfo
	loops   bool
	err     error
}

// visit goes through an expression. bound are the variables of the loops around it.
func (c *fieldFinder) visit(e ast.Expr, bound []string) {
	if c.err != nil {
		return
	}
	if root, path, is := chain(e); is && !slices.Contains(bound, root) {
		c.replace(e, root, path)
		return
	}
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		if c.whole(e, call, bound) {
			return
		}
		if call.IsMemberFunction() {
			c.visit(call.Target(), bound)
		}
		for _, a := range call.Args() {
			c.visit(a, bound)
		}
	case ast.SelectKind:
		c.visit(e.AsSelect().Operand(), bound)
	case ast.ListKind:
		for _, i := range e.AsList().Elements() {
			c.visit(i, bound)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			c.visit(entry.AsMapEntry().Key(), bound)
			c.visit(entry.AsMapEntry().Value(), bound)
		}
	case ast.ComprehensionKind:
		c.loop(e.AsComprehension(), bound)
	}
}

func (c *fieldFinder) loop(l ast.ComprehensionExpr, bound []string) {
	c.loops = true
	c.visit(l.IterRange(), bound)
	c.visit(l.AccuInit(), bound)
	within := append(bound[:len(bound):len(bound)], l.IterVar(), l.AccuVar())
	if l.HasIterVar2() {
		within = append(within, l.IterVar2())
	}
	c.visit(l.LoopCondition(), within)
	c.visit(l.LoopStep(), within)
	c.visit(l.Result(), within)
}

// chain is the path that an expression is: of selections and constant indices
// from value or key on.
func chain(e ast.Expr) (root string, path codec.Path, is bool) {
	switch e.Kind() {
	case ast.IdentKind:
		root = e.AsIdent()
		return root, nil, root == "value" || root == "key"
	case ast.SelectKind:
		s := e.AsSelect()
		root, path, is = chain(s.Operand())
		return root, append(path, codec.PathStep{Name: s.FieldName()}), is
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != "_[_]" || len(call.Args()) != 2 || call.Args()[1].Kind() != ast.LiteralKind {
			return "", nil, false
		}
		root, path, is = chain(call.Args()[0])
		switch at := call.Args()[1].AsLiteral().(type) {
		case types.String:
			return root, append(path, codec.PathStep{Name: string(at)}), is && at != ""
		case types.Int:
			return root, append(path, codec.PathStep{Index: int(at)}), is && at >= 0
		}
	}
	return "", nil, false
}

// thereName is the variable that says whether a record has a value: a tombstone
// has none.
const thereName = "@there"

// whole puts that variable in the place of value != null and value == null.
func (c *fieldFinder) whole(e ast.Expr, call ast.CallExpr, bound []string) bool {
	equals := call.FunctionName() == operators.Equals
	if !equals && call.FunctionName() != operators.NotEquals || slices.Contains(bound, "value") {
		return false
	}
	a, b := call.Args()[0], call.Args()[1]
	if a.Kind() == ast.LiteralKind {
		a, b = b, a
	}
	if a.Kind() != ast.IdentKind || a.AsIdent() != "value" || b.Kind() != ast.LiteralKind || b.AsLiteral() != types.NullValue {
		return false
	}
	if !equals {
		e.SetKindCase(c.makes.NewIdent(e.ID(), thereName))
		return true
	}
	e.SetKindCase(c.makes.NewCall(e.ID(), operators.LogicalNot, c.makes.NewIdent(a.ID(), thereName)))
	return true
}

// replace puts a variable in the place of a path.
func (c *fieldFinder) replace(e ast.Expr, root string, path codec.Path) {
	f := filterField{of: fromValue, path: root, test: e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly()}
	if len(path) > 0 {
		f.path = root + "." + path.String()
	}
	if root == "key" {
		f.of = fromKey
	} else if len(path) == 0 {
		at := c.info.GetStartLocation(e.ID())
		c.err = whereFault(at.Line(), at.Column(), "value is the whole record: name a field of it, as value.amount; only value != null is asked of the whole")
		return
	}
	f.at = c.builder.place(f.of, path)
	f.name = fmt.Sprintf("@%d", len(c.filter.fields))
	for _, known := range c.filter.fields {
		if known.of == f.of && known.at == f.at && known.test == f.test {
			f.name = known.name
		}
	}
	if f.name == fmt.Sprintf("@%d", len(c.filter.fields)) {
		c.filter.fields = append(c.filter.fields, f)
	}
	e.SetKindCase(c.makes.NewIdent(e.ID(), f.name))
}

// timestampOf is an instant or date.
func timestampOf(f *codec.Field) types.Timestamp {
	v := int64(f.Bits) // #nosec G115 -- as it was stored
	at := time.UnixMilli(v)
	switch f.Unit {
	case codec.Micros:
		at = time.UnixMicro(v)
	case codec.Nanos:
		at = time.Unix(0, v)
	case codec.Days:
		at = time.Unix(0, 0).AddDate(0, 0, int(min(max(v, -3_000_000), 3_000_000)))
	}
	return types.Timestamp{Time: at.UTC()}
}
