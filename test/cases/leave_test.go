package cases

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// leavingRows are trained models that leave as TFLite.
func leavingRows() []row {
	return []row{
		{
			id: "tflite digits", right: "LiteRT's floats are the SavedModel's to 1e-5; int8 at most 0.27 of the size and a point of accuracy", try: leavesAsTFLite,
			want: []string{"float differs", "accuracy", "!NOT as it should be", "reads the stream again", "records of the test split", "alignas(16) const unsigned char"},
		},
		{
			id: "tflite without a log", right: "float and float16, not measured; int8 refused with the way out; all gone with the result", try: leavesWithoutLog,
			want: []string{"tflite 0", "float16 0", "was not measured", "int8 4|int8 3", "take float16", "kept 0 tflite", "!kept 0 result", "left: none"},
		},
	}
}

// downloaded downloads a result's model and says what the command said, and its file.
func (a *attempt) downloaded(r pipeline.Result, format string, flags ...string) (said, file string) {
	a.made++
	file = filepath.Join(a.dir, fmt.Sprintf("%s-%d.%s", a.topic, a.made, format))
	a.later(func() { _ = os.Remove(file) }) // it may not be there
	text, code := a.types(append([]string{"results", "download", fmt.Sprint(r.ID), "--format", format, "--to", file}, flags...)...)
	return fmt.Sprintf("%d %s; ", code, text), file
}

func leavesAsTFLite(a *attempt) string {
	examples, err := a.client.ModelExamples(a.ctx)
	a.must(err)
	i := slices.IndexFunc(examples, func(f pipeline.ModelForm) bool { return f.Name == "mnist-dense" })
	form := examples[max(0, i)]
	form.Name = a.topic
	m, err := client.Do[pipeline.Model](a.ctx, a.client, a.client.RegisterModel(form))
	a.must(err)
	d, err := a.deployment(m, pipeline.DeploymentForm{BatchSize: 32, Engine: "graph"})
	a.must(err)
	digits, err := toolchain.Data("mnist")
	a.must(err)
	said, code := a.types("stream", "send", filepath.Join(digits, "train-images-idx3-ubyte"), filepath.Join(digits, "train-labels-idx1-ubyte"),
		"--topic", a.topic, "--deployment", fmt.Sprint(d.ID), "--limit", "20000", "--test-rate", "0.1")
	if code != 0 {
		return said
	}
	r, said := a.result(d.ID)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	told, saved := a.downloaded(r, "savedmodel")
	text, plain := a.downloaded(r, "tflite")
	told += text
	text, small := a.downloaded(r, "tflite", "--quantize", "int8", "--samples", "100")
	told += text
	text, inC := a.downloaded(r, "tflite-c", "--quantize", "int8")
	told += text + a.contains(inC, "alignas(16) const unsigned char")
	return a.liteRT(saved, plain, small, filepath.Join(digits, "t10k-images-idx3-ubyte"), filepath.Join(digits, "t10k-labels-idx1-ubyte")) + "; " + told
}

// contains gives the text where a file holds it.
func (a *attempt) contains(file, text string) string {
	content, err := os.ReadFile(file)
	a.must(err)
	if !strings.Contains(string(content), text) {
		return ""
	}
	return text
}

// liteRT says what judge_tflite.py finds of files.
func (a *attempt) liteRT(files ...string) string {
	python, packages, err := toolchain.Python()
	a.must(err)
	clients, err := toolchain.Clients()
	a.must(err)
	cmd := exec.CommandContext(a.ctx, python, append([]string{"judge_tflite.py"}, files...)...) // #nosec G204 -- the toolchain's
	cmd.Env = append(os.Environ(), "PYTHONPATH="+packages+":"+clients, "PYTHONDONTWRITEBYTECODE=1", "TF_CPP_MIN_LOG_LEVEL=3", "CUDA_VISIBLE_DEVICES=")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("judge_tflite.py: %w: %s", err, exit.Stderr)
	}
	a.must(err)
	return strings.TrimSpace(string(out))
}

func leavesWithoutLog(a *attempt) string {
	topic := a.makeTopic(1)
	a.produce(topic, 0, somePoints(0, 8))
	d := a.deployed(points)
	a.announce(d, pointMessage(topic+":0:0:8", 8))
	r, said := a.result(d)
	if r.Status != pipeline.ResultFinished {
		return said
	}
	a.deleteBefore(topic, 8)
	said = ""
	for _, quantize := range []string{"", "float16", "int8"} {
		var flags []string
		if quantize != "" {
			flags = []string{"--quantize", quantize}
		}
		text, _ := a.downloaded(r, "tflite", flags...)
		said += strings.TrimSpace("tflite "+quantize) + " " + text
	}
	again, _ := a.downloaded(r, "tflite")
	said += "kept " + again[:2] + "tflite " + again
	_, err := client.Do[struct{}](a.ctx, a.client, a.client.Results().Delete(r.ID))
	a.must(err)
	left, _ := filepath.Glob(filepath.Join(a.dir, "data", "artifacts", "results", fmt.Sprint(r.ID), "*", "*")) // the pattern is well-formed
	if len(left) > 0 {
		return said + fmt.Sprint("left: ", left)
	}
	return said + "left: none"
}
