package keras

import "testing"

func TestLimitsFollowFromMemory(t *testing.T) {
	const gib = 1 << 30
	cases := []struct {
		memory   int64
		children int
		file     int64 // bytes of the largest file
	}{
		{1 * gib, 2, gib / 4}, // no less than ever
		{4 * gib, 2, gib / 4},
		{24 * gib, 2, gib / 2}, // ResNet50 with Adam has 283 MB
		{24 * gib, 1, gib},
		{1024 * gib, 2, gib}, // what is verified is bounded all the same
	}
	for _, c := range cases {
		l := limitsFor(c.memory, c.children)
		if l.File != c.file || l.Data != perFile*c.file || l.AddressSpace <= l.Data {
			t.Errorf("%d GiB for %d: %+v", c.memory/gib, c.children, l)
		}
	}
	for memory, children := range map[int64]int64{1 * gib: 1, 4 * gib: 1, 6 * gib: 2, 8 * gib: 3, 24 * gib: 4} { // at once
		data := limitsFor(memory, 2).Data
		if got := together(memory, data) / data; got != children {
			t.Errorf("%d GiB hold %d children, want %d", memory/gib, got, children)
		}
	}
	if memory() < gib/2 {
		t.Errorf("this process has %d bytes of memory", memory())
	}
}
