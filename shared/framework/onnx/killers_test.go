package onnx

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// unchecked are operators that end their process where the ranks or sizes of
// operands do not fit and a graph leaves them open. Those that it says the runtime
// checks as it loads the graph; one that gives wrong ones as it runs ends its own
// process, which costs it alone (SECURITY.md).
var unchecked = strings.Fields(`Concat ConcatFromSequence ConvInteger DFT Einsum FeatureVectorizer LSTM Multinomial Normalizer RNN
ReduceL1 ReduceLogSum ReduceLogSumExp ReduceMax ReduceSum ReduceSumSquare ReverseSequence RoiAlign ScatterND SequenceAt SequenceErase Unique`)

// hostile names the variable by which a copy of this program is told the models
// that it is to open; it tells of each before and after.
const hostile = "ONNX_HOSTILE_MODELS"

// patience is how long a model may take that is opened and run once.
const patience = 20 * time.Second

// openHostile opens models, each of which may end this process.
func openHostile(files []string) {
	most := syscall.Rlimit{Cur: 8 << 30, Max: 8 << 30} // so that none takes the machine
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &most); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(files[0]), "model-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for _, file := range files {
		fmt.Println("opens", file)
		if err := os.Rename(file, filepath.Join(dir, "model.onnx")); err != nil {
			panic(err)
		}
		p, err := Framework{}.OpenPredictor(framework.PredictorOptions{Dir: dir, Export: export(3, 3), Deadline: time.Second})
		if err == nil {
			err = p.Close()
		}
		fmt.Println("done", err == nil)
	}
}

// tried is what came of the models of an operator.
type tried struct {
	deaths []string // file and how
	ran    int      // that were opened and run
}

// openAll opens models in processes of their own, another after each that ended.
func openAll(t *testing.T, files []string) (of map[string]*tried) {
	t.Helper()
	of = map[string]*tried{}
	for len(files) > 0 {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), hostile+"="+strings.Join(files, "\n"))
		var said strings.Builder
		c.Stderr = &said
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Error(err)
			return of
		}
		slow := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		at := ""
		for s := bufio.NewScanner(out); s.Scan(); {
			slow.Reset(patience)
			word, rest, _ := strings.Cut(s.Text(), " ")
			if word == "opens" {
				at, files = rest, files[1:]
			} else if op := opOf(at); rest == "true" {
				of[op] = cmp.Or(of[op], &tried{})
				of[op].ran++
			}
			if word == "done" {
				at = ""
			}
		}
		err = c.Wait()
		slow.Stop()
		if at != "" {
			op := opOf(at)
			of[op] = cmp.Or(of[op], &tried{})
			line, _, _ := strings.Cut(said.String(), "\n")
			of[op].deaths = append(of[op].deaths, fmt.Sprintf("%s: %v: %.150s", filepath.Base(at), err, line))
			if len(of[op].deaths) == 3 { // it is known
				files = slices.DeleteFunc(files, func(f string) bool { return opOf(f) == op })
			}
		} else if err != nil {
			t.Errorf("%v\n%s", err, said.String())
			return of
		}
	}
	return of
}

func opOf(file string) string {
	op, _, _ := strings.Cut(filepath.Base(file), "-")
	return op
}

// hostileModels writes so many models of each operator.
func hostileModels(t *testing.T, draws int, ops []string) (files []string) {
	t.Helper()
	python, tensorflow, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	site, err := toolchain.ONNXPackages()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), python, append([]string{"-I", "-S", "testdata/hostile_models.py", site, tensorflow, dir, fmt.Sprint(draws)}, ops...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err = filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Fatal("no models", err)
	}
	return files
}

// Operators do not end their process, whatever their operands, so that a record
// cannot. A few draws of each; with KAFKAML_LONG=1 a hundred, in some minutes.
func TestAttackKillingOperators(t *testing.T) {
	draws := 3
	if os.Getenv("KAFKAML_LONG") != "" {
		draws = 100
	}
	files := hostileModels(t, draws, onnxgraph.Operators())
	var all sync.WaitGroup
	var mu sync.Mutex
	of := map[string]*tried{}
	batches := slices.Collect(slices.Chunk(files, 400))
	next := atomic.Int32{}
	for range runtime.NumCPU() {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(batches); i = int(next.Add(1)) - 1 {
				some := openAll(t, batches[i])
				mu.Lock()
				for op, one := range some {
					of[op] = cmp.Or(of[op], &tried{})
					of[op].ran += one.ran
					of[op].deaths = append(of[op].deaths, one.deaths...)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	ran := 0
	for _, op := range slices.Sorted(maps.Keys(of)) {
		ran += of[op].ran
		for _, death := range of[op].deaths {
			if slices.Contains(unchecked, op) {
				t.Logf("%s: %s", op, death)
			} else {
				t.Errorf("%s: %s", op, death)
			}
		}
	}
	t.Logf("%d models, %d of which were run, of %d operators", len(files), ran, len(of))
	if ran < len(files)/50 {
		t.Errorf("%d of %d models were run", ran, len(files))
	}
}
