package savedmodel

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
)

// text, number and message write one member each.
func text(n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), s)
}

func number(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func message(n protowire.Number, members ...[]byte) []byte {
	var b []byte
	for _, m := range members {
		b = append(b, m...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
}

// attr is the entry of an attribute of a node.
func attr(key string, value ...[]byte) []byte {
	return message(5, text(1, key), message(2, value...))
}

// shape of sizes, as member 7 of an attribute or 2 of a tensor.
func shape(n protowire.Number, sizes ...int64) []byte {
	var dims [][]byte
	for _, s := range sizes {
		dims = append(dims, message(2, number(1, uint64(s))))
	}
	return message(n, dims...)
}

// example has one of everything that Parse reads.
func example() []byte {
	constant := message(8, number(1, 7), shape(2, 2), text(8, "a"), text(8, "b"))
	node := message(1, text(1, "n"), text(2, "If"), text(3, "in:0"), text(3, "^before"), text(4, "/device:CPU:0"),
		attr("then_branch", message(10, text(1, "f"), message(2, text(1, "T"), message(2, number(6, 1))))),
		attr("branches", message(1, message(9, text(1, "g")), message(9, text(1, "h")))),
		attr("value", constant),
		attr("types", message(1, message(6, []byte{1, 2}))),
		attr("shape", shape(7, 3, -1)))
	function := message(1, message(1, text(1, "f"), message(2, text(1, "prefix"), number(3, 7)), message(3, text(1, "out"), number(3, 7))),
		message(3, text(1, "inner"), text(2, "NoOp")), message(4, text(1, "out"), text(2, "inner:0")), attr("_noinline", number(5, 1)))
	graph := message(2, node, message(2, function, message(2), message(3)))
	info := func(name string) []byte { return message(2, text(1, name), number(2, 1), shape(3, -1, 4)) }
	signature := message(5, text(1, "train"), message(2, message(1, text(1, "x"), info("x:0")), message(2, text(1, "y"), info("y:0")), message(4)))
	saver := message(3, text(1, "file:0"), text(2, "save:0"), text(3, "restore"))
	return append(number(1, 1), message(2, message(1, text(4, "serve")), graph, saver, message(4, text(1, "init"), message(2)), signature, message(6))...)
}

func TestParse(t *testing.T) {
	got, err := Parse(example())
	if err != nil {
		t.Fatal(err)
	}
	info := func(name string) map[string]TensorInfo {
		return map[string]TensorInfo{name: {Name: name + ":0", Type: 1, Shape: Shape{Dims: []int64{-1, 4}}, Plain: true}}
	}
	want := &Model{
		Nodes: []Node{{
			Name: "n", Op: "If", Inputs: []string{"in:0", "^before"}, Device: "/device:CPU:0",
			Attrs: map[string]Attr{
				"then_branch": {Calls: []string{"f"}},
				"branches":    {Calls: []string{"g", "h"}},
				"value":       {Tensors: []Constant{{Type: String, Shape: Shape{Dims: []int64{2}}, Strings: []string{"a", "b"}}}},
				"types":       {Types: []DType{1, 2}},
				"shape":       {Shapes: []Shape{{Dims: []int64{3, -1}}}},
			},
		}},
		Functions: map[string]*Function{"f": {
			Name: "f", Args: []Arg{{"prefix", String}}, Outs: []string{"out"}, Attrs: map[string]Attr{"_noinline": {True: true}},
			Nodes: []Node{{Name: "inner", Op: "NoOp"}}, Rets: map[string]string{"out": "inner:0"},
		}},
		Signatures: map[string]Signature{"train": {Inputs: info("x"), Outputs: info("y"), Defaults: 1}},
		Saver:      Saver{"file:0", "save:0", "restore"},
		Tags:       []string{"serve"}, MetaGraphs: 1, Assets: 1, Gradients: 1, Collections: []string{"init"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTwice holds that what another parser might read differently is refused.
func TestTwice(t *testing.T) {
	node := message(1, text(1, "n"), text(2, "NoOp"))
	graph := func(members ...[]byte) []byte { return message(2, message(2, members...)) }
	function := message(1, message(1, text(1, "f")))
	cases := map[string][]byte{
		"operation of a node":       graph(message(1, text(2, "NoOp"), text(2, "ReadFile"))),
		"operation in another form": graph(message(1, text(2, "NoOp"), number(2, 1))),
		"device of a node":          graph(message(1, text(4, "a"), text(4, "b"))),
		"node":                      graph(node, node),
		"attribute":                 graph(message(1, attr("f"), attr("f"))),
		"value of an attribute":     graph(message(1, message(5, text(1, "f"), message(2), message(2)))),
		"name of a called function": graph(message(1, attr("f", message(10, text(1, "a"), text(1, "b"))))),
		"type of a constant":        graph(message(1, attr("v", message(8, number(1, 1), number(1, 2))))),
		"shape of a constant":       graph(message(1, attr("v", message(8, shape(2, 1), shape(2, 2))))),
		"size of an axis":           graph(message(1, attr("s", message(7, message(2, number(1, 1), number(1, 2)))))),
		"library":                   graph(message(2), message(2)),
		"function":                  graph(message(2, function, function)),
		"graph":                     message(2, message(2), message(2)),
		"saver":                     message(2, message(3), message(3)),
		"signature":                 message(2, message(5, text(1, "a"), message(2)), message(5, text(1, "a"), message(2))),
		"input":                     message(2, message(5, text(1, "a"), message(2, message(1, text(1, "x")), message(1, text(1, "x"))))),
		"collection":                message(2, message(4, text(1, "a")), message(4, text(1, "a"))),
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(b); !errors.Is(err, errRepeated) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestElements(t *testing.T) {
	cases := map[string]struct {
		shape Shape
		want  int64
	}{
		"scalar":               {Shape{}, 1},
		"matrix":               {Shape{Dims: []int64{3, 4}}, 12},
		"empty":                {Shape{Dims: []int64{3, 0, 1 << 62}}, 0},
		"open":                 {Shape{Dims: []int64{-1, 4}}, -1},
		"of any rank":          {Shape{UnknownRank: true}, -1},
		"overflow":             {Shape{Dims: []int64{1 << 40, 1 << 40}}, math.MaxInt64},
		"open and overflowing": {Shape{Dims: []int64{-1, 1 << 40, 1 << 40}}, math.MaxInt64},
		"negative":             {Shape{Dims: []int64{-2}}, math.MaxInt64},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.shape.Elements(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestDType(t *testing.T) {
	for d := range kinds {
		if got, known := ParseDType(d.String()); !known || got != d {
			t.Errorf("%d is written as %q and read as %d", uint64(d), d, uint64(got))
		}
	}
	if Resource.String() != "" || Resource.Bytes() <= 0 {
		t.Error("a resource has a name or no size")
	}
}

// FuzzParse holds that no bytes make Parse panic or take long.
func FuzzParse(f *testing.F) {
	whole := example()
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte{})
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x13, 0x13, 0x13, 0x14}) // groups
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if (m == nil) == (err == nil) {
			t.Errorf("model %v, error %v", m, err)
		}
	})
}

// What a file of 15 MB may make of two bytes each takes no more memory than a
// large model does.
func TestAttackMemoryOfParser(t *testing.T) {
	const size = 15 << 20
	many := func(member []byte) []byte { return bytes.Repeat(member, size/len(member)) }
	node := func(members ...[]byte) []byte {
		return message(2, message(2, message(1, append([][]byte{text(1, "n")}, members...)...)))
	}
	var attributes []byte
	for i := 0; len(attributes) < size; i++ {
		attributes = append(attributes, attr(strconv.FormatInt(int64(i), 36))...)
	}
	for name, file := range map[string][]byte{
		"tensors":    node(attr("list", message(1, many(message(8))))),
		"shapes":     node(attr("list", message(1, many(message(7))))),
		"inputs":     node(many(message(3))),
		"attributes": node(attributes),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse(file)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, errMembers) {
				t.Errorf("%v", err)
			}
			if taken := (after.TotalAlloc - before.TotalAlloc) >> 20; taken > 512 {
				t.Errorf("%d MiB were allocated in all", taken)
			}
		})
	}
}
