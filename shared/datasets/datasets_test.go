package datasets

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

func TestNothingIsOfferedThatIsNotThere(t *testing.T) {
	t.Setenv("KAFKAML_TOOLCHAIN", t.TempDir())
	if got := All(); len(got) != 0 {
		t.Errorf("got %v of an empty machine", got)
	}
	if _, err := Named("mnist"); pipeline.KindOf(err) != pipeline.Invalid {
		t.Errorf("got %v, want invalid", err)
	}
}

func TestSetsAreAsDescribed(t *testing.T) {
	all := All()
	if len(all) == 0 {
		t.Fatal("no data set is on this machine: run make mnist")
	}
	for _, s := range all {
		for want, paths := range map[int64][]string{s.Records: s.Training(), s.Unseen: s.Held()} {
			r, err := files.Open(paths, files.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Total() != want {
				t.Errorf("%s: %d records in %v, want %d", s.Name, r.Total(), paths, want)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestASetIsFoundByItsName(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KAFKAML_TOOLCHAIN", dir)
	if err := os.MkdirAll(filepath.Join(dir, "data", "mnist"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Named("mnist")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Training()[0], filepath.Join(dir, "data", "mnist", "train-images-idx3-ubyte"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
