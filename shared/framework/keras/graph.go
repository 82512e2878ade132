package keras

import (
	_ "embed"
	"fmt"
	"iter"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
)

// Bounds of a graph. Real models have some thousand nodes.
const (
	maxNodes     = 500_000
	maxExpanded  = 20_000_000 // nodes after every function is put in place of its calls
	maxConstants = 512 << 20  // bytes that all constants stand for
	maxVariables = 1 << 30    // bytes of all variables
)

// opAllow lists the operations that Keras, keras.ops and the arithmetic of
// TensorFlow use. It is an allow list because TensorFlow registers some 1,900,
// among them many that read or write files, call Python or other processes,
// and are declared stateless all the same. The test of the model zoo fails
// where Keras uses one that is missing.
//
//go:embed worker/op_allow.txt
var opAllow string

var allowed = func() map[string]bool {
	set := map[string]bool{}
	for _, op := range strings.Fields(opAllow) {
		set[op] = true
	}
	return set
}()

// graph is a SavedModel under check.
type graph struct {
	*savedmodel.Model
	nodes     map[string]*savedmodel.Node // of the graph itself, by name
	calls     map[string]int              // functions by how often they are named
	constants int64
	variables int64
}

// checkGraph holds that running any part of the graph can do no more than
// compute, and that its saver writes and reads only where it is told.
func checkGraph(m *savedmodel.Model) (*graph, error) {
	g := &graph{Model: m, nodes: map[string]*savedmodel.Node{}, calls: map[string]int{}}
	switch {
	case m.MetaGraphs != 1 || len(m.Tags) != 1 || m.Tags[0] != "serve":
		return nil, fmt.Errorf("%d graphs with tags %q, one with the tag serve is expected", m.MetaGraphs, m.Tags)
	case m.Assets > 0:
		return nil, fmt.Errorf("asset files are not allowed")
	case m.Gradients > 0:
		return nil, fmt.Errorf("gradients bound to functions are not allowed")
	}
	for i := range m.Nodes {
		g.nodes[m.Nodes[i].Name] = &m.Nodes[i]
		if err := g.checkNode(&m.Nodes[i], false); err != nil {
			return nil, err
		}
	}
	saver, err := g.saver()
	if err != nil {
		return nil, err
	}
	for name, fn := range m.Functions {
		for i := range fn.Nodes {
			if err := g.checkNode(&fn.Nodes[i], saver[name]); err != nil {
				return nil, fmt.Errorf("function %s: %w", name, err)
			}
		}
	}
	for name := range saver {
		if g.calls[name] != 1 {
			return nil, fmt.Errorf("the saver's function %s is called from elsewhere", name)
		}
	}
	if err := g.checkCalls(); err != nil {
		return g, err
	}
	return g, g.checkOperands()
}

// checkNode holds one node, of one of the saver's two functions or not, to
// what is allowed and counts what it refers to.
func (g *graph) checkNode(n *savedmodel.Node, saver bool) error {
	switch {
	case g.Functions[n.Op] != nil: // an operation named like a function of the graph is its call
		g.calls[n.Op]++
	case !allowed[n.Op] && (!saver || !saverOps[n.Op]):
		return &nodeError{node: n.Name, op: n.Op, text: fmt.Sprintf("the operation %s is not allowed (%s)", plain(n.Op, 100), plain(n.Name, 200))}
	}
	if !localDevice(n.Device) {
		return &nodeError{node: n.Name, text: fmt.Sprintf("the device %q is not allowed (%s)", plain(n.Device, 100), plain(n.Name, 200))}
	}
	for key, a := range n.Attrs {
		if strings.HasPrefix(key, "_tpu") || key == "_xla_compile_id" {
			return fmt.Errorf("the attribute %s is not allowed (%s)", plain(key, 100), plain(n.Name, 200))
		}
		for _, f := range a.Calls {
			g.calls[f]++
		}
		for _, c := range a.Tensors {
			if err := add(&g.constants, c.Type, c.Shape, maxConstants); err != nil {
				return fmt.Errorf("constant %s: %w", plain(n.Name, 200), err)
			}
		}
	}
	if n.Op == "VarHandleOp" {
		return g.checkVariable(n)
	}
	return nil
}

func (g *graph) checkVariable(n *savedmodel.Node) error {
	kind, shape := n.Attrs["dtype"].Types, n.Attrs["shape"].Shapes
	if len(kind) != 1 || len(shape) != 1 {
		return fmt.Errorf("variable %s has no type and shape", plain(n.Name, 200))
	}
	if shape[0].Elements() < 0 { // open: it is as large as what the checkpoint holds
		return nil
	}
	if err := add(&g.variables, kind[0], shape[0], maxVariables); err != nil {
		return fmt.Errorf("variable %s: %w", plain(n.Name, 200), err)
	}
	return nil
}

// add adds the bytes of a tensor to a sum with a bound.
func add(sum *int64, t savedmodel.DType, s savedmodel.Shape, most int64) error {
	if t == savedmodel.Resource || t == savedmodel.Variant {
		return fmt.Errorf("a handle as value is not allowed")
	}
	n := s.Elements()
	if n < 0 || n > most/t.Bytes() || *sum+n*t.Bytes() > most {
		return fmt.Errorf("shape %v of %s is too large (%d MiB are allowed in all)", s.Dims, t, most>>20)
	}
	*sum += n * t.Bytes()
	return nil
}

// ownTask is how TensorFlow names this process where a device's name is written
// out, as in the functions that save and restore a table.
const ownTask = "/job:localhost/replica:0/task:0"

// localDevice tells a processor of this process from a remote one.
func localDevice(device string) bool {
	device = strings.TrimPrefix(device, ownTask)
	d := strings.TrimPrefix(device, "/device:")
	return device == "" || (d != device && (strings.HasPrefix(d, "CPU:") || strings.HasPrefix(d, "GPU:")) && !strings.Contains(d, "/"))
}

// checkCalls holds that every function named exists, that none calls itself
// and that the whole, written out, stays within bounds.
func (g *graph) checkCalls() error {
	nodes := len(g.Nodes)
	for _, fn := range g.Functions {
		nodes += len(fn.Nodes)
	}
	if nodes > maxNodes {
		return fmt.Errorf("the graph has %d nodes, %d are allowed", nodes, maxNodes)
	}
	sizes := map[string]int{}
	total, err := g.expanded("", g.Nodes, sizes)
	if err == nil && total > maxExpanded {
		err = fmt.Errorf("the graph has more than %d nodes when its functions are written out", maxExpanded)
	}
	return err
}

// expanded is the number of nodes with each call replaced by its function;
// sizes holds those known, -1 for those on the way.
func (g *graph) expanded(name string, nodes []savedmodel.Node, sizes map[string]int) (int, error) {
	sizes[name] = -1
	total := 0
	for i := range nodes {
		total++
		for called := range g.calledBy(&nodes[i]) {
			size, err := g.size(called, sizes)
			if err != nil {
				return 0, err
			}
			total = min(total+size, maxExpanded+1)
		}
	}
	sizes[name] = total
	return total, nil
}

// calledBy gives the functions that a node names: in its attributes, or as its
// operation.
func (g *graph) calledBy(n *savedmodel.Node) iter.Seq[string] {
	return func(yield func(string) bool) {
		if g.Functions[n.Op] != nil && !yield(n.Op) {
			return
		}
		for _, a := range n.Attrs {
			for _, called := range a.Calls {
				if !yield(called) {
					return
				}
			}
		}
	}
}

// size is expanded of a function by its name.
func (g *graph) size(called string, sizes map[string]int) (int, error) {
	size, known := sizes[called]
	switch {
	case size < 0:
		return 0, fmt.Errorf("the function %s calls itself", plain(called, 200))
	case known:
		return size, nil
	}
	fn := g.Functions[called]
	if fn == nil {
		return 0, fmt.Errorf("the function %s is missing", plain(called, 200))
	}
	return g.expanded(called, fn.Nodes, sizes)
}

// nodeError is the refusal of a node, whose name tells the layer it is of.
type nodeError struct{ node, op, text, hint string }

func (e *nodeError) Error() string { return e.text }
