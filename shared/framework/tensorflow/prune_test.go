package tensorflow

import (
	"os"
	"path/filepath"
	"testing"

	corepb "github.com/galeone/tensorflow/tensorflow/go/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
)

// What is written for serving has no training in it, and the model itself is
// left as it was. That it predicts the same is what all other tests of the
// predictor show.
func TestForServing(t *testing.T) {
	m := tensorflowtest.Load(t, "mnist")
	before := read(t, m.SavedModel())
	folder, err := forServing(m.SavedModel())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	after := read(t, folder)
	if want := before.GetMetaGraphs()[0]; len(want.SignatureDef) < 5 || !proto.Equal(want, read(t, m.SavedModel()).GetMetaGraphs()[0]) {
		t.Errorf("the model has changed: %d signatures", len(want.SignatureDef))
	}
	was, is := before.GetMetaGraphs()[0], after.GetMetaGraphs()[0]
	if len(is.SignatureDef) != 1 || is.SignatureDef[serving] == nil { // there is nothing to initialise
		t.Errorf("signatures: %v", is.SignatureDef)
	}
	if n, of := proto.Size(is), proto.Size(was); n > of/3 {
		t.Errorf("%d of %d bytes are left", n, of)
	}
	if _, err := os.Stat(filepath.Join(folder, "variables", "variables.index")); err != nil {
		t.Error(err)
	}
}

// Tables are filled by the initialisation, which is kept for them.
func TestPrunedKeepsInitialisation(t *testing.T) {
	m := tensorflowtest.Load(t, "worded")
	folder, err := pruned(m.SavedModel(), true, func(signature string) bool { return signature == "train" })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	g := read(t, folder).GetMetaGraphs()[0]
	if len(g.SignatureDef) != 2 || g.SignatureDef["train"] == nil || g.SignatureDef[initOp] == nil {
		t.Errorf("signatures: %v", g.SignatureDef)
	}
}

func TestForServingRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := forServing(dir); err == nil {
		t.Error("a folder without a graph was taken")
	}
	if err := os.WriteFile(filepath.Join(dir, graphFile), []byte("\xffno graph"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := forServing(dir); err == nil {
		t.Error("a file that is no graph was taken")
	}
}

func read(t *testing.T, dir string) *corepb.SavedModel {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, graphFile))
	if err != nil {
		t.Fatal(err)
	}
	m := &corepb.SavedModel{}
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	return m
}
