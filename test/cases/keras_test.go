package cases

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/toolchain/toolchaintest"
)

// training is a source that is trained on a stream, as plain Keras trains it on
// arrays of the same values.
type training struct {
	file           string // beginning of its name below models or small
	records, batch int
	fit            string // arguments, as a person writes them
	x, y           []column
	format         string // RAW unless given
	engine         pipeline.Engine
	near           float64 // how far from Keras' numbers, relative; 0 for bit by bit
	keras          string  // id under which Keras' numbers are; the row's unless given
	label          string  // how the model's own loss wants its label: sizes, and a type after a comma
}

// source reads a source of the folder.
func source(begin string) string {
	for _, dir := range []string{"models", "small"} {
		if found, _ := filepath.Glob(filepath.Join(dir, begin+"*.py")); len(found) == 1 { // the pattern is well-formed
			text, err := os.ReadFile(found[0])
			if err == nil {
				return string(text)
			}
		}
	}
	panic("no single source begins with " + begin)
}

// stream is the records of a training, and how they are to be read.
func (s training) stream() (records []record, config message) {
	switch s.format {
	case "AVRO":
		config = message{"data_scheme": scheme("Sample", s.x), "label_scheme": scheme("Label", s.y)}
	case "JSON":
		var names []string
		for _, c := range s.x {
			names = append(names, c.name)
		}
		config = message{"data_fields": names}
		if len(s.y) > 0 {
			config["label_field"] = "label"
		}
	default:
		config = message{"data_type": s.x[0].dtype, "data_reshape": sizes(s.x[0].shape)}
		if len(s.y) > 0 {
			config["label_type"], config["label_reshape"] = s.y[0].dtype, sizes(s.y[0].shape)
		}
	}
	for i := range s.records {
		records = append(records, s.record(i))
	}
	return records, config
}

func (s training) record(i int) (r record) {
	switch s.format {
	case "AVRO":
		for _, c := range s.x {
			r.value = append(r.value, c.avro(i)...)
		}
		for _, c := range s.y {
			r.key = append(r.key, c.avro(i)...)
		}
	case "JSON":
		object := message{}
		for _, c := range s.x {
			object[c.name] = c.object(i)
		}
		for _, c := range s.y {
			object["label"] = c.object(i)
		}
		r.value, _ = json.Marshal(object) // of texts and numbers
	default:
		r.value = s.x[0].raw(i)
		if len(s.y) > 0 {
			r.key = s.y[0].raw(i)
		}
	}
	return r
}

// train registers the source, trains it and says what came of it, and whether
// the numbers are Keras'.
func (s training) train(a *attempt) (pipeline.Result, string) {
	m, err := a.stated(seeded, source(s.file), s.label)
	if err != nil {
		return pipeline.Result{}, refusal(err)
	}
	records, config := s.stream()
	engine := s.engine
	if engine == "" {
		engine = "graph"
	}
	form := pipeline.DeploymentForm{BatchSize: s.batch, Engine: engine, TrainingKwargs: pipeline.ArgumentsOf(strings.TrimPrefix(s.fit+", shuffle=False", ", "))}
	format := s.format
	if format == "" {
		format = "RAW"
	}
	return a.send(m, form, records, format, config)
}

func (s training) try(a *attempt) string {
	r, said := s.train(a)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	return s.compare(a, r) + "; " + said
}

// compare says whether a result's numbers are plain Keras'.
func (s training) compare(a *attempt, r pipeline.Result) string {
	all, err := numbers()
	a.must(err)
	id := s.keras
	if id == "" {
		id = a.id
	}
	want := all[id]
	got, err := a.client.Epochs(a.ctx, r.ID, 0)
	a.must(err)
	if len(want) == 0 {
		return ""
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d epochs, Keras has %d", len(got), len(want))
	}
	for i, epoch := range want {
		for _, name := range slices.Sorted(maps.Keys(epoch)) {
			w := math.NaN()
			if epoch[name] != nil {
				w = *epoch[name]
			}
			g, ok := got[i].Training[name]
			if !ok || math.Abs(g-w) > s.near*math.Abs(w) || math.IsNaN(g) != math.IsNaN(w) {
				return fmt.Sprintf("epoch %d: %s is %v, Keras' is %v", i+1, name, g, w)
			}
		}
	}
	if s.near > 0 {
		return fmt.Sprintf("as Keras but for %g", s.near)
	}
	return "as Keras bit by bit"
}

// numbers are plain Keras' metrics of each epoch, by id of the row, on this machine:
// another processor rounds otherwise.
var numbers = sync.OnceValues(func() (all map[string][]map[string]*float64, err error) {
	tasks, err := json.Marshal(judged())
	if err != nil {
		return nil, err
	}
	script, err := os.ReadFile("judge.py")
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s %s", toolchain.TensorFlowVersion, toolchaintest.Processor(), script, tasks)
	const file = "keras.json"
	dir, err := toolchaintest.Kept("cases", hex.EncodeToString(h.Sum(nil))[:16], func(dir string) error {
		answers, err := ask(tasks)
		return errors.Join(err, os.WriteFile(filepath.Join(dir, file), answers, 0o600))
	})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	return all, errors.Join(err, json.Unmarshal(text, &all))
})

// ask has plain Keras train.
func ask(tasks []byte) ([]byte, error) {
	python, packages, err := toolchain.Python()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, "judge.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages, "CUDA_VISIBLE_DEVICES=", "TF_CPP_MIN_LOG_LEVEL=3", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(tasks), os.Stderr
	return cmd.Output()
}

// judged are the trainings of all rows, as judge.py reads them.
func judged() (tasks []message) {
	for id, s := range trainings() {
		if s.keras != "" {
			continue
		}
		tasks = append(tasks, message{
			"id": id, "imports": seeded, "source": source(s.file), "records": s.records, "batch": s.batch, "fit": s.fit,
			"x": arrays(s.x, s.records), "y": arrays(s.y, s.records),
		})
	}
	slices.SortFunc(tasks, func(a, b message) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return tasks
}

// arrays are the values of some columns, RAW and one record after the other.
func arrays(columns []column, records int) []message {
	all := []message{}
	for _, c := range columns {
		array := message{"name": c.name, "dtype": c.dtype, "shape": append([]int{records}, c.shape...)}
		var data []byte
		var texts []string
		for i := range records {
			if c.text != nil {
				texts = append(texts, c.text(i))
			} else {
				data = append(data, c.raw(i)...)
			}
		}
		array["data"], array["texts"] = data, texts
		all = append(all, array)
	}
	return all
}
