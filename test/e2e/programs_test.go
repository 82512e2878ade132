package e2e

import (
	"debug/elf"
	"path/filepath"
	"testing"
)

// The dynamic linker binds every library's malloc to the program's own, where it has one.
func TestTheProgramThatTrainsBringsItsAllocator(t *testing.T) {
	f, err := elf.Open(filepath.Join(bin, "kafkaml-tensorflow"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, s := range symbols {
		own[s.Name] = own[s.Name] || s.Section != elf.SHN_UNDEF
	}
	for _, name := range []string{"malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "malloc_usable_size"} {
		if !own[name] {
			t.Errorf("%s is glibc's", name)
		}
	}
}
