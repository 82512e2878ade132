package train

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// filled is a cache of n records: an input of two int32, the record's number
// and its negative, and a uint8 label, its lowest byte.
func filled(t testing.TB, n int, memory int64) *cache {
	t.Helper()
	inputs := []codec.Tensor{{Name: "x", DType: codec.Int32, Shape: []int{2}}}
	labels := []codec.Tensor{{Name: "y", DType: codec.Uint8}}
	return sealed(t, inputs, labels, n, memory, func(i int, in, out [][]byte) {
		binary.LittleEndian.PutUint32(in[0], uint32(i))
		binary.LittleEndian.PutUint32(in[0][4:], uint32(-i))
		out[0][0] = byte(i)
	})
}

// sealed is a cache of n records, each as put writes it, closed with the test.
func sealed(t testing.TB, inputs, labels []codec.Tensor, n int, memory int64, put func(i int, in, out [][]byte)) *cache {
	t.Helper()
	c, err := newCache(t.TempDir(), inputs, labels, int64(n), memory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	for i := range n {
		in, out, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		put(i, in, out)
	}
	if err := c.seal(); err != nil {
		t.Fatal(err)
	}
	return c
}

// pass reads a whole pass in pieces and returns the records' numbers.
func pass(t testing.TB, s *split, number, piece int) []int {
	t.Helper()
	var all []int
	for first := 0; first < int(s.Len()); first += piece {
		n := min(piece, int(s.Len())-first)
		dst := [][]byte{make([]byte, 8*n), make([]byte, 4*n)}
		if err := s.Read(t.Context(), number, int64(first), n, dst); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			x := int(int32(binary.LittleEndian.Uint32(dst[0][8*i:])))
			if minus := int(int32(binary.LittleEndian.Uint32(dst[0][8*i+4:]))); minus != -x {
				t.Fatalf("record %d holds %d", x, minus)
			}
			if y := int(binary.LittleEndian.Uint32(dst[1][4*i:])); y != x&0xff {
				t.Fatalf("record %d has the label %d", x, y)
			}
			all = append(all, x)
		}
	}
	return all
}

var columnsOfFilled = []codec.Tensor{{Name: "x0", DType: codec.Int32, Shape: []int{2}}, {Name: "y0", DType: codec.Int32}}

func TestSplitReads(t *testing.T) {
	const n = 100_000 // several blocks, and a tail, of a file
	for name, memory := range map[string]int64{"memory": 1 << 30, "file": 0} {
		for _, shuffled := range []bool{false, true} {
			t.Run(name+"/shuffled="+strconv.FormatBool(shuffled), func(t *testing.T) {
				c := filled(t, n, memory)
				s := newSplit(c, columnsOfFilled, 10, n-7)
				s.shuffled, s.seed = shuffled, 42
				inOrder := func(all []int) bool {
					for i, x := range all {
						if x != i+10 {
							return false
						}
					}
					return true
				}
				if !inOrder(pass(t, s, -1, 1000)) {
					t.Error("the stored order is not that of the stream")
				}
				first, second := pass(t, s, 0, 999), pass(t, s, 1, 4096)
				if inOrder(first) == shuffled {
					t.Error("shuffled", shuffled)
				}
				again := pass(t, s, 0, 7777)
				for i := range first {
					if again[i] != first[i] {
						t.Fatal("the same pass has two orders")
					}
				}
				seen := make([]int, n)
				for i, x := range first {
					seen[x]++
					seen[second[i]]++
				}
				for x := 10; x < n-7; x++ {
					if seen[x] != 2 {
						t.Fatalf("record %d comes %d times in two passes", x, seen[x])
					}
				}
			})
		}
	}
}

func TestWindowsMixAFile(t *testing.T) {
	c := filled(t, 200_000, 0)
	s := newSplit(c, columnsOfFilled, 0, c.records)
	s.shuffled = true
	all := pass(t, s, 0, 4096)
	neighbours := 0
	for i := 1; i < len(all); i++ {
		if d := all[i] - all[i-1]; d == 1 || d == -1 {
			neighbours++
		}
	}
	if neighbours > len(all)/100 {
		t.Errorf("%d of %d records come beside their neighbour", neighbours, len(all))
	}
}

func TestShuffleOfTheStream(t *testing.T) {
	for name, memory := range map[string]int64{"memory": 1 << 30, "file": 0} {
		t.Run(name, func(t *testing.T) {
			order := func(seed int64) []int {
				c := filled(t, 30_000, memory)
				if err := c.shuffle(t.Context(), seed); err != nil {
					t.Fatal(err)
				}
				return pass(t, newSplit(c, columnsOfFilled, 0, c.records), -1, 500)
			}
			a, b, other := order(1), order(1), order(2)
			seen := make([]bool, len(a))
			same := true
			for i := range a {
				if a[i] != b[i] {
					t.Fatal("the same seed gives two orders")
				}
				seen[a[i]] = true
				same = same && a[i] == other[i]
			}
			if same {
				t.Error("two seeds give one order")
			}
			for x, ok := range seen {
				if !ok {
					t.Fatalf("record %d is lost", x)
				}
			}
		})
	}
}

// TestCacheIsBounded writes and reads 512 MiB through a file and holds what
// the process keeps of it.
func TestCacheIsBounded(t *testing.T) {
	const row, n = 1 << 20, 512
	inputs := []codec.Tensor{{Name: "x", DType: codec.Uint8, Shape: []int{row}}}
	before := resident(t)
	record := bytes.Repeat([]byte{7}, row)
	c := sealed(t, inputs, nil, n, memoryBytes, func(_ int, in, _ [][]byte) { copy(in[0], record) })
	s := newSplit(c, inputs, 0, n)
	s.shuffled = true
	dst := [][]byte{make([]byte, 8*row)}
	for first := int64(0); first < n; first += 8 {
		if err := s.Read(t.Context(), 0, first, 8, dst); err != nil {
			t.Fatal(err)
		}
	}
	if grown := resident(t) - before; grown > 128<<20 {
		t.Errorf("512 MiB of records left %d MiB resident", grown>>20)
	}
}

// resident is the anonymous memory of the process in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no RssAnon in /proc/self/status")
	return 0
}
