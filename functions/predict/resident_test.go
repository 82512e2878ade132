package predict

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestWhatMayBeUnmapped(t *testing.T) {
	const smaps = `00400000-00e18000 r-xp 00000000 fe:00 1 /bin/kafkaml-predict
Rss:               10328 kB
Anonymous:             0 kB
00e18000-0196b000 r--p 00a18000 fe:00 1 /bin/kafkaml-predict
Anonymous:             0 kB
0196c000-019fe000 rw-p 0156b000 fe:00 1 /bin/kafkaml-predict
Anonymous:             0 kB
7f9d04152000-7f9d0415a000 r--p 00001000 fe:00 2 /lib/libonnxruntime.so
Anonymous:           300 kB
7f9d0415a000-7f9d0415b000 r--s 00000000 fe:00 3 /shared
Anonymous:             0 kB
7f9d1415a000-7f9d2415b000 r--p 00000000 00:00 0 
Anonymous:             0 kB
7f9d3415a000-7f9d3415b000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0xe18000}, {0xe18000, 0x196b000}}
	if got := untouched(bufio.NewScanner(strings.NewReader(smaps))); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestGiveBackUnmapsAndLeavesAllAsItWas(t *testing.T) {
	before := fileBytes(t)
	giveBack()
	if after := fileBytes(t); after >= before {
		t.Errorf("%d kB of files are mapped, before %d", after, before)
	}
	if got := strconv.Quote("as it was"); got != `"as it was"` {
		t.Error(got)
	}
}

// fileBytes are the kilobytes of files that the process has mapped.
func fileBytes(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
