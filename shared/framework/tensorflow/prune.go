package tensorflow

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/galeone/tensorflow/tensorflow/go/core/framework/attr_value_go_proto"
	"github.com/galeone/tensorflow/tensorflow/go/core/framework/function_go_proto"
	"github.com/galeone/tensorflow/tensorflow/go/core/framework/graph_go_proto"
	"github.com/galeone/tensorflow/tensorflow/go/core/framework/node_def_go_proto"
	corepb "github.com/galeone/tensorflow/tensorflow/go/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/proto"
)

const (
	graphFile = "saved_model.pb"
	initOp    = "__saved_model_init_op"
)

// forServing is the SavedModel of dir with what serving needs alone; see pruned.
// A trained model's graph is mostly training loops: without them a small model
// loads in a third of the time.
func forServing(dir string) (folder string, err error) {
	return pruned(dir, false, func(signature string) bool { return signature == serving })
}

// pruned writes, in a new folder, the SavedModel of dir with the signatures that
// keep takes: of the graph what they, its restoring, its initialisation and, where
// it is to be saved, its saving depend on. TensorFlow would import, optimize and
// hold the rest at each signature's first run. The caller removes the folder;
// variables and assets are links to those of dir.
func pruned(dir string, saved bool, keep func(signature string) bool) (folder string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, graphFile))
	if err != nil {
		return "", err
	}
	var m corepb.SavedModel
	if err := proto.Unmarshal(b, &m); err != nil {
		return "", fmt.Errorf("%s: %w", graphFile, err)
	}
	for _, g := range m.MetaGraphs {
		prune(g, saved, keep)
	}
	if b, err = proto.Marshal(&m); err != nil {
		return "", err
	}
	if folder, err = os.MkdirTemp("", "kafkaml-model-"); err != nil {
		return "", err
	}
	err = os.WriteFile(filepath.Join(folder, graphFile), b, 0o600)
	for _, beside := range []string{"variables", "assets"} {
		err = errors.Join(err, link(dir, folder, beside))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// link makes name in folder lead to that in dir, if there is one.
func link(dir, folder, name string) error {
	target, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Symlink(target, filepath.Join(folder, name))
}

// prune leaves of a graph the signatures that keep takes and initialisation, and
// the nodes and functions that these and the restoring of variables need, and the
// saving of them where saved.
func prune(m *corepb.MetaGraphDef, saved bool, keep func(signature string) bool) {
	m.ObjectGraphDef = nil // for Python alone
	idle := idles(m)
	maps.DeleteFunc(m.SignatureDef, func(name string, _ *corepb.SignatureDef) bool {
		return !keep(name) && (name != initOp || idle)
	})
	var roots []string
	for _, s := range m.SignatureDef {
		for _, t := range s.Inputs {
			roots = append(roots, t.GetName())
		}
		for _, t := range s.Outputs {
			roots = append(roots, t.GetName())
		}
	}
	if s := m.SaverDef; s != nil {
		roots = append(roots, s.FilenameTensorName, s.RestoreOpName)
		if saved {
			roots = append(roots, s.SaveTensorName)
		}
	}
	for _, c := range m.CollectionDef {
		roots = append(roots, c.GetNodeList().GetValue()...)
	}
	if g := m.GraphDef; g != nil {
		g.Node = reachable(g.Node, roots)
		pruneLibrary(g)
	}
}

// idles reports whether a graph's initialisation does nothing, as that of a model
// without tables: loading would optimize the graph once more to run it.
func idles(m *corepb.MetaGraphDef) bool {
	for _, t := range m.SignatureDef[initOp].GetOutputs() {
		for _, n := range m.GetGraphDef().GetNode() {
			if n.Name == nodeOf(t.GetName()) && (n.Op != "NoOp" || len(n.Input) > 0) {
				return false
			}
		}
	}
	return true
}

// nodeOf is the node that a tensor or a control input comes from: "a:1", "^a".
func nodeOf(input string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(input, "^"), ":")
	return name
}

// reachable are the nodes that roots depend on, themselves included, in the
// order of nodes.
func reachable(nodes []*node_def_go_proto.NodeDef, roots []string) []*node_def_go_proto.NodeDef {
	byName := make(map[string]*node_def_go_proto.NodeDef, len(nodes))
	for _, n := range nodes {
		byName[n.Name] = n
	}
	kept := map[string]bool{}
	for queue := slices.Clone(roots); len(queue) > 0; {
		name := nodeOf(queue[0])
		queue = queue[1:]
		if n := byName[name]; n != nil && !kept[name] {
			kept[name] = true
			queue = append(queue, n.Input...)
		}
	}
	return slices.DeleteFunc(nodes, func(n *node_def_go_proto.NodeDef) bool { return !kept[n.Name] })
}

// pruneLibrary leaves the functions that the graph's nodes call, at any depth.
// What a function calls is named by its operation or by an attribute.
func pruneLibrary(g *graph_go_proto.GraphDef) {
	if g.Library == nil {
		return
	}
	bodies := map[string][]*node_def_go_proto.NodeDef{}
	for _, f := range g.Library.Function {
		bodies[f.GetSignature().GetName()] = f.NodeDef
	}
	kept := map[string]bool{}
	queue := [][]*node_def_go_proto.NodeDef{g.Node}
	call := func(name string) {
		if body, ok := bodies[name]; ok && !kept[name] {
			kept[name] = true
			queue = append(queue, body)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, n := range queue[0] {
			call(n.Op)
			for _, a := range n.Attr {
				eachFunction(a, call)
			}
		}
	}
	g.Library.Function = slices.DeleteFunc(g.Library.Function, func(f *function_go_proto.FunctionDef) bool { return !kept[f.GetSignature().GetName()] })
	g.Library.Gradient, g.Library.RegisteredGradients = nil, nil // for training
}

// eachFunction gives the names of the functions in an attribute.
func eachFunction(a *attr_value_go_proto.AttrValue, call func(string)) {
	functions := append(slices.Clone(a.GetList().GetFunc()), a.GetFunc())
	for _, f := range functions {
		if f == nil {
			continue
		}
		call(f.Name)
		for _, inner := range f.Attr {
			eachFunction(inner, call)
		}
	}
}
