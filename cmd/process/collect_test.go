package process

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func collections() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

var kept []byte

// Nothing is collected before there is much, and then as usual.
func TestCollectLate(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}()
	runtime.GC() // else one that has begun may count
	before := collections()
	CollectLate(128 << 20)
	for range 40 { // of 1 MiB each, where it would begin at 4
		kept = make([]byte, 1<<20)
	}
	if n := collections() - before; n != 0 {
		t.Errorf("%d collections of 40 MiB", n)
	}
	for range 200 {
		kept = make([]byte, 1<<20)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		if now == 100 && debug.SetMemoryLimit(-1) == limit {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d collections the percentage is %d", collections()-before, now)
		}
	}
}
