package keras

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// h5Files gives the files that forge_h5.py writes.
func h5Files(t testing.TB, o Options) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), o.Python, "-I", "-S", "testdata/forge_h5.py", o.SitePackages, dir)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// A file of weights that reaches beyond itself, or would once it is filled with
// trained values, is handed to nobody.
func TestAttackForgedWeights(t *testing.T) {
	files := h5Files(t, options(t))
	whole := files["plain"]
	values := bytes.Index(whole, binary.LittleEndian.AppendUint32(nil, 0x3f800000)) - 4 // 0, 1, ...
	linked := files["hard_link"]                                                        // again, layers
	entries := bytes.Index(linked, []byte("SNOD")) + 8
	forged := func(object uint64) []byte { // that layers is
		b := bytes.Clone(linked)
		binary.LittleEndian.PutUint64(b[entries+h5Entry+8:], object)
		copy(b[values:], "\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		return b
	}
	files["object_in_values"] = forged(uint64(values)) // which training would write
	files["group_in_a_circle"] = forged(binary.LittleEndian.Uint64(linked[64:]))
	files["cut_off"] = whole[:len(whole)-8]
	for name, says := range map[string]string{
		"plain": "", "groups": "", "hard_link": "", "group_in_a_circle": "",
		"external_link": "message 0x", "soft_link": "a link to another name", "external_storage": "message 0x7", "virtual": "does not lie in one piece",
		"chunks": "does not lie in one piece", "filters": "message 0xb", "bomb": "larger than the file", "committed_type": "lies elsewhere",
		"later_format": "another kind", "user_block": "no HDF5", "object_in_values": "two parts", "cut_off": "ends before",
	} {
		datasets, err := checkHDF5(files[name])
		switch {
		case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v, want %q", name, err, says)
		case says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case name == "groups" && len(datasets) != 301:
			t.Errorf("%s: %d datasets", name, len(datasets))
		case name == "plain" && datasets[int64(values)] != 48:
			t.Errorf("%s: %v, want 48 bytes at %d", name, datasets, values)
		}
	}
}

func FuzzHDF5(f *testing.F) {
	f.Add([]byte(hdf5 + strings.Repeat("\x00", h5Superblock)))
	if file, err := os.ReadFile("testdata/weights.h5"); err == nil {
		f.Add(file)
	} else {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		datasets, err := checkHDF5(file)
		for at, size := range datasets {
			if err != nil || at < h5Superblock || size < 0 || at+size > int64(len(file)) {
				t.Errorf("%d bytes at %d of %d, %v", size, at, len(file), err)
			}
		}
	})
}
