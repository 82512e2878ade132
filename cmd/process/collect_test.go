package process

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// The first collection is put off, and those after it are as they would have been.
func TestCollectLate(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	settings := func() (percent, limit uint64) {
		read := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
		metrics.Read(read)
		return read[0].Value.Uint64(), read[1].Value.Uint64()
	}
	percent, limit := settings()
	const late = 1 << 40
	CollectLate(late)
	if p, l := settings(); p == percent || l != late {
		t.Errorf("%d percent within %d bytes before the first collection", p, l)
	}
	runtime.GC()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		p, l := settings()
		if p == percent && l == limit {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d percent within %d bytes after it, %d and %d before", p, l, percent, limit)
		}
	}
}

// Whoever has said when to collect is not overruled.
func TestCollectAsTold(t *testing.T) {
	t.Setenv("GOGC", "50")
	read := []metrics.Sample{{Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(read)
	limit := read[0].Value.Uint64()
	CollectLate(1 << 40)
	if metrics.Read(read); read[0].Value.Uint64() != limit {
		t.Errorf("a limit of %d bytes, was %d", read[0].Value.Uint64(), limit)
	}
}
