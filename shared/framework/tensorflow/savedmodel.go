package tensorflow

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	tf "github.com/galeone/tensorflow/tensorflow/go"
	"github.com/galeone/tensorflow/tensorflow/go/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Threads are the sizes of a session's own thread pools: IntraOp for the work
// within one operation, InterOp for operations side by side. 0 is TensorFlow's
// default, the number of cores; InterOp -1 runs on the caller's thread. Small
// networks run fastest on one thread: handing work over costs more than the work.
type Threads struct{ IntraOp, InterOp int }

// String gives the threads that steps use.
func (t Threads) String() string {
	n := max(t.IntraOp, t.InterOp)
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}

// apart are as many threads, for operations that come in pairs: each has half of them.
func (t Threads) apart() Threads {
	return Threads{IntraOp: max(1, t.IntraOp/atOnce), InterOp: atOnce}
}

// SavedModel is a loaded model in a session of its own.
type SavedModel struct {
	*tf.SavedModel
	saver saver
	ahead sync.WaitGroup // what saveAhead began
}

// Load reads the SavedModel in dir, the folder with saved_model.pb. A broken
// graph can end the process: load what is not yet trusted in a child.
func Load(dir string, threads Threads, gpu bool) (*SavedModel, error) {
	s, err := readSaver(dir)
	if err != nil {
		return nil, err
	}
	m, err := tf.LoadSavedModel(dir, []string{"serve"}, &tf.SessionOptions{Config: sessionConfig(threads, gpu)})
	if err != nil {
		return nil, fmt.Errorf("load SavedModel: %w", err)
	}
	return &SavedModel{SavedModel: m, saver: s}, nil
}

// Close ends the session, its variables with it.
func (m *SavedModel) Close() error {
	m.ahead.Wait()
	return m.Session.Close()
}

// hasGPU reports whether the session may use a GPU.
func (m *SavedModel) hasGPU() bool {
	devices, err := m.Session.ListDevices()
	return err == nil && slices.ContainsFunc(devices, func(d tf.Device) bool { return d.Type == "GPU" })
}

// sessionConfig is a serialized tensorflow.ConfigProto.
func sessionConfig(t Threads, gpu bool) []byte {
	c := &for_core_protos_go_proto.ConfigProto{
		IntraOpParallelismThreads: int32(t.IntraOp),
		InterOpParallelismThreads: int32(t.InterOp),
		UsePerSessionThreads:      t.InterOp >= 0,
		GpuOptions:                &for_core_protos_go_proto.GPUOptions{AllowGrowth: true},
		AllowSoftPlacement:        true,
		GraphOptions:              &for_core_protos_go_proto.GraphOptions{RewriteOptions: rewriting()},
	}
	if !gpu {
		c.DeviceCount = map[string]int32{"GPU": 0}
	}
	b, err := proto.Marshal(c)
	if err != nil {
		return nil // a message of plain fields always marshals
	}
	return b
}

// noSecondOptimizer is RewriterConfig.disable_tfg_optimizer, which the binding is
// too old to know.
const noSecondOptimizer = 32

// rewriting is how graphs are optimized: as by default, but once rather than twice,
// and without what leaves every number as it is and gains no step anything, such as the
// optimizer that takes each graph through MLIR, which took as long as all others
// together at each signature's first run. The others stay for short trainings, too:
// without them sums are rounded otherwise than Keras' are.
func rewriting() *for_core_protos_go_proto.RewriterConfig {
	c := &for_core_protos_go_proto.RewriterConfig{
		MetaOptimizerIterations: for_core_protos_go_proto.RewriterConfig_ONE,
		MemoryOptimization:      for_core_protos_go_proto.RewriterConfig_NO_MEM_OPT,
		ImplementationSelector:  for_core_protos_go_proto.RewriterConfig_OFF,
		ShapeOptimization:       for_core_protos_go_proto.RewriterConfig_OFF,
		LoopOptimization:        for_core_protos_go_proto.RewriterConfig_OFF,
	}
	c.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, noSecondOptimizer, protowire.VarintType), 1))
	return c
}

// Function is a signature of a model, ready to be called.
type Function struct {
	session *tf.Session
	Inputs  map[string]tf.Output
	Outputs []string // names, sorted; the order of what Call returns
	fetches []tf.Output
}

// Function looks up a signature; false where the model has it not.
func (m *SavedModel) Function(name string) (*Function, bool, error) {
	sig, ok := m.Signatures[name]
	if !ok {
		return nil, false, nil
	}
	f := &Function{session: m.Session, Inputs: map[string]tf.Output{}, Outputs: slices.Sorted(maps.Keys(sig.Outputs))}
	for n, info := range sig.Inputs {
		out, err := m.output(info.Name)
		if err != nil {
			return nil, false, fmt.Errorf("signature %s: input %s: %w", name, n, err)
		}
		f.Inputs[n] = out
	}
	for _, n := range f.Outputs {
		out, err := m.output(sig.Outputs[n].Name)
		if err != nil {
			return nil, false, fmt.Errorf("signature %s: output %s: %w", name, n, err)
		}
		f.fetches = append(f.fetches, out)
	}
	return f, true, nil
}

// output resolves a tensor's name, "operation:index".
func (m *SavedModel) output(name string) (tf.Output, error) {
	op, at, _ := strings.Cut(name, ":")
	i, err := strconv.Atoi(at)
	if err != nil {
		return tf.Output{}, fmt.Errorf("%q is not the name of a tensor", name)
	}
	o := m.Graph.Operation(op)
	if o == nil || i < 0 || i >= o.NumOutputs() {
		return tf.Output{}, fmt.Errorf("the graph has no tensor %q", name)
	}
	return o.Output(i), nil
}

// Feeds maps tensors to the inputs of f by name; an unknown name is an error.
func (f *Function) Feeds(tensors map[string]*tf.Tensor) (map[tf.Output]*tf.Tensor, error) {
	feeds := make(map[tf.Output]*tf.Tensor, len(tensors))
	for name, t := range tensors {
		in, ok := f.Inputs[name]
		if !ok {
			return nil, fmt.Errorf("the signature has no input %q", name)
		}
		feeds[in] = t
	}
	return feeds, nil
}

// Call runs f and returns its outputs in the order of f.Outputs.
func (f *Function) Call(feeds map[tf.Output]*tf.Tensor) ([]*tf.Tensor, error) {
	return f.session.Run(feeds, f.fetches, nil)
}

// saver names what saves and restores a model's variables.
type saver struct{ filename, save, restore string }

// readSaver finds the saver in saved_model.pb: the Go API does not show it.
func readSaver(dir string) (saver, error) {
	b, err := os.ReadFile(filepath.Join(dir, graphFile))
	if err != nil {
		return saver{}, err
	}
	meta, err := protoField(b, 2) // SavedModel.meta_graphs
	if err != nil {
		return saver{}, fmt.Errorf("%s: %w", graphFile, err)
	}
	def, err := protoField(meta, 3) // MetaGraphDef.saver_def
	if err != nil {
		return saver{}, fmt.Errorf("%s: %w", graphFile, err)
	}
	var d for_core_protos_go_proto.SaverDef
	if err := proto.Unmarshal(def, &d); err != nil {
		return saver{}, fmt.Errorf("%s: saver: %w", graphFile, err)
	}
	return saver{d.GetFilenameTensorName(), d.GetSaveTensorName(), d.GetRestoreOpName()}, nil
}

// protoField is the first length-delimited field num of a message, nil where
// it has none.
func protoField(b []byte, num protowire.Number) ([]byte, error) {
	for len(b) > 0 {
		got, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(got, kind, b); n < 0 {
			return nil, protowire.ParseError(n)
		}
		if got == num && kind == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b)
			return v, nil
		}
		b = b[n:]
	}
	return nil, nil
}

// saveVariables writes the variables to <dir>/variables of a copy of the model, and
// gives what else is fetched of it: one run of both is one graph to optimize.
func (m *SavedModel) saveVariables(dir string, fetches []tf.Output) ([]*tf.Tensor, error) {
	m.ahead.Wait()
	return m.save(dir, fetches)
}

// saveAhead lets TensorFlow prepare for saveVariables with the same fetches while the
// model trains: what it writes now is thrown away. Preparing takes some 50 ms, writing a
// small model 2.
func (m *SavedModel) saveAhead(fetches []tf.Output) {
	const begun = 10 * time.Millisecond // then the first step's graph is optimized, before which none should be: they wait for each other
	m.ahead.Go(func() {
		time.Sleep(begun)
		_ = m.saveForNothing(fetches) // saveVariables will say why
	})
}

// saveForNothing is saveVariables into a folder that is removed.
func (m *SavedModel) saveForNothing(fetches []tf.Output) (err error) {
	dir, err := os.MkdirTemp("", "kafkaml-save-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Mkdir(filepath.Join(dir, "variables"), 0o700); err != nil {
		return err
	}
	_, err = m.save(dir, fetches)
	return err
}

func (m *SavedModel) save(dir string, fetches []tf.Output) ([]*tf.Tensor, error) {
	name, err := m.output(m.saver.filename)
	if err != nil {
		return nil, err
	}
	save, err := m.output(m.saver.save)
	if err != nil {
		return nil, err
	}
	prefix, err := tf.NewTensor(filepath.Join(dir, "variables", "variables"))
	if err != nil {
		return nil, err
	}
	got, err := m.Session.Run(map[tf.Output]*tf.Tensor{name: prefix}, append(slices.Clip(fetches), save), nil)
	if err != nil {
		return nil, err
	}
	return got[:len(fetches)], nil
}

// restoreVariables reads the variables of <dir>/variables into the session.
func (m *SavedModel) restoreVariables(dir string) error {
	name, err := m.output(m.saver.filename)
	if err != nil {
		return err
	}
	op := m.Graph.Operation(m.saver.restore)
	if op == nil {
		return fmt.Errorf("the graph has no operation %q", m.saver.restore)
	}
	prefix, err := tf.NewTensor(filepath.Join(dir, "variables", "variables"))
	if err != nil {
		return err
	}
	_, err = m.Session.Run(map[tf.Output]*tf.Tensor{name: prefix}, nil, []*tf.Operation{op})
	return err
}
