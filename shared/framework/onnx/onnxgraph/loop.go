package onnxgraph

// checkLoop refuses a loop whose body may have nothing to run in a round: the
// runtime can end a loop between two nodes of its body only. What follows from
// constants is computed as the graph is loaded, and no node is left of it.
func (n *node) checkLoop(body *graph) error {
	if n.op != "Loop" || body.runs() {
		return nil
	}
	return refuse("let the body of the loop compute something of its inputs", "a loop whose body computes nothing could not be ended")
}

// runs reports whether an output of a graph is computed of its inputs.
func (g *graph) runs() bool {
	varies := map[string]bool{}
	for _, v := range g.inputs {
		varies[v.name] = true
	}
	computed := map[string]bool{}
	for i := range g.nodes {
		n := &g.nodes[i]
		if !n.computes(varies) {
			continue
		}
		for _, o := range n.outputs {
			varies[o], computed[o] = true, true
		}
	}
	for _, o := range g.outputs {
		if computed[o.name] {
			return true
		}
	}
	return false
}

// computes reports whether a node is run for values that vary. A shape may be
// known without running it.
func (n *node) computes(varies map[string]bool) bool {
	switch n.op {
	case "Shape", "Size", "OptionalHasElement":
		return false
	}
	for _, name := range n.inputs {
		if name != "" && varies[name] {
			return true
		}
	}
	return false
}
