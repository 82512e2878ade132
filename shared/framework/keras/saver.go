package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
)

// saverOps touch files. They are allowed only in the two functions that the
// saver calls, on a path made of the prefix it is given.
var saverOps = map[string]bool{"SaveV2": true, "RestoreV2": true, "MergeV2Checkpoints": true, "ShardedFilename": true}

// saverAttrs are what TensorFlow gives the saver's functions. Others could
// have the optimizer put one of them in the place of another function.
var saverAttrs = []string{"_construction_context", "_input_shapes"}

// suffixes are what the saver adds to the prefix.
var suffixes = []string{".part", "_temp/part"}

// saver finds the saver's two functions, from saver_def and not by names that
// a person can choose, and holds that nothing else can reach them.
func (g *graph) saver() (functions map[string]bool, err error) {
	s := g.Saver
	filename, save, restore := nodeOf(s.Filename), nodeOf(s.Save), nodeOf(s.Restore)
	if n := g.nodes[filename]; n == nil || n.Op != "Placeholder" {
		return nil, fmt.Errorf("the saver's file name is no placeholder")
	}
	functions = map[string]bool{}
	for _, name := range []string{save, restore} {
		fn, err := g.saverFunction(name, filename, name == save)
		if err != nil {
			return nil, fmt.Errorf("the saver's operation %s: %w", plain(name, 200), err)
		}
		functions[fn] = true
	}
	if len(functions) != 2 {
		return nil, fmt.Errorf("the saver saves and restores by the same function")
	}
	return functions, g.sealed(filename, save, restore)
}

// saverFunction checks one call of the saver and gives the function's name. Only
// the one that saves may write: the other runs whenever the model is loaded.
func (g *graph) saverFunction(name, filename string, saves bool) (string, error) {
	n := g.nodes[name]
	if n == nil || n.Op != "StatefulPartitionedCall" || len(n.Attrs["f"].Calls) != 1 {
		return "", fmt.Errorf("is no call of one function")
	}
	if len(n.Inputs) == 0 || nodeOf(n.Inputs[0]) != filename {
		return "", fmt.Errorf("does not take the file name first")
	}
	fn := g.Functions[n.Attrs["f"].Calls[0]]
	if fn == nil || len(fn.Args) == 0 || fn.Args[0].Type != savedmodel.String {
		return "", fmt.Errorf("calls no function of a file name")
	}
	for key := range fn.Attrs {
		if !slices.Contains(saverAttrs, key) {
			return "", fmt.Errorf("its function has the attribute %s", plain(key, 100))
		}
	}
	for i := range fn.Nodes {
		if op := fn.Nodes[i].Op; saverOps[op] && !saves && op != "RestoreV2" {
			return "", fmt.Errorf("%s in the function that restores", op)
		}
	}
	return fn.Name, checkPaths(fn)
}

// sealed holds that only the saver's calls use its file name and that no
// signature and no other node uses the calls.
func (g *graph) sealed(filename, save, restore string) error {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, input := range n.Inputs {
			switch nodeOf(input) {
			case filename:
				if n.Name != save && n.Name != restore {
					return fmt.Errorf("the node %s uses the saver's file name", plain(n.Name, 200))
				}
			case save, restore:
				return fmt.Errorf("the node %s uses the saver's operations", plain(n.Name, 200))
			}
		}
	}
	own := []string{filename, save, restore}
	for name, s := range g.Signatures {
		for _, side := range []map[string]savedmodel.TensorInfo{s.Inputs, s.Outputs} {
			for _, t := range side {
				if slices.Contains(own, nodeOf(t.Name)) {
					return fmt.Errorf("the signature %s uses the saver", plain(name, 200))
				}
			}
		}
	}
	return nil
}

// nodeOf is the node of a tensor or control input: "^a" and "a:0" are of a.
func nodeOf(tensor string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(tensor, "^"), ":")
	return name
}

// paths follows file paths in a saver's function back to its first argument.
type paths struct {
	prefix string
	nodes  map[string]*savedmodel.Node
}

// checkPaths holds that every path in a saver's function is the prefix it is
// given, with nothing but the saver's own suffixes behind.
func checkPaths(fn *savedmodel.Function) error {
	p := paths{prefix: fn.Args[0].Name, nodes: map[string]*savedmodel.Node{}}
	for i := range fn.Nodes {
		p.nodes[fn.Nodes[i].Name] = &fn.Nodes[i]
	}
	if p.nodes[p.prefix] != nil {
		return fmt.Errorf("a node hides the file name")
	}
	for i := range fn.Nodes {
		n := &fn.Nodes[i]
		count := map[string]int{"SaveV2": 1, "RestoreV2": 1, "MergeV2Checkpoints": 2}[n.Op]
		if len(n.Inputs) < count {
			return fmt.Errorf("%s without a path", n.Op)
		}
		for _, input := range n.Inputs[:count] {
			if !p.isPath(input, 0) {
				return fmt.Errorf("%s uses a path that is not the one it is given", n.Op)
			}
		}
	}
	return nil
}

const deepestPath = 10 // operations from a path back to the prefix; TensorFlow uses four

func (p paths) isPath(input string, depth int) bool {
	if input == p.prefix {
		return true
	}
	n := p.nodes[nodeOf(input)]
	if n == nil || depth > deepestPath || strings.HasPrefix(input, "^") {
		return false
	}
	data := slices.DeleteFunc(slices.Clone(n.Inputs), func(i string) bool { return strings.HasPrefix(i, "^") })
	switch n.Op {
	case "Identity":
		return len(data) == 1 && p.isPath(data[0], depth+1)
	case "StringJoin":
		return len(data) == 2 && p.isPath(data[0], depth+1) && p.isSuffix(data[1], depth+1) &&
			strings.Join(n.Attrs["separator"].Strings, "") == ""
	case "ShardedFilename": // prefix-00000-of-00001
		return len(data) == 3 && p.isPath(data[0], depth+1)
	case "Pack":
		return !slices.ContainsFunc(data, func(i string) bool { return !p.isPath(i, depth+1) })
	}
	return false
}

func (p paths) isSuffix(input string, depth int) bool {
	n := p.nodes[nodeOf(input)]
	if n == nil || depth > deepestPath {
		return false
	}
	switch {
	case n.Op == "Const":
		values := n.Attrs["value"].Tensors
		return len(values) == 1 && len(values[0].Strings) == 1 && slices.Contains(suffixes, values[0].Strings[0])
	case (n.Op == "Select" || n.Op == "SelectV2") && len(n.Inputs) >= 3:
		return p.isSuffix(n.Inputs[1], depth+1) && p.isSuffix(n.Inputs[2], depth+1)
	}
	return false
}
