package keras

import (
	"context"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/toolchain"
)

const imports = "import keras\nfrom keras import layers\nimport tensorflow as tf\n"

func worker(t *testing.T) *Worker {
	t.Helper()
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Start(context.Background(), Options{Python: python, SitePackages: site})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestExport(t *testing.T) {
	w := worker(t)
	for range 2 {
		begun := time.Now()
		e, err := w.Export(context.Background(), imports, "model = keras.Sequential([keras.Input((4,)), layers.Dense(2, 'softmax')])\nmodel.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n", t.TempDir()+"/e")
		t.Logf("%v %+v", time.Since(begun), e)
		if err != nil {
			t.Fatal(err)
		}
	}
}
