package train

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The newest label of a key within a span is found, in memory and in a file, as by
// a look at each.
func TestLabelsAreFoundByKeyAndTime(t *testing.T) {
	type came struct {
		at    int64
		label uint32
	}
	random := rand.New(rand.NewPCG(1, 2))
	for name, memory := range map[string]int64{"memory": 1 << 30, "file": 0} {
		t.Run(name, func(t *testing.T) {
			const n, keys = 3000, 400
			table, err := newLabelTable(t.TempDir(), n, 4, memory)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := table.close(); err != nil {
					t.Error(err)
				}
			}()
			if mapped := table.mapped != nil; mapped != (memory == 0) {
				t.Errorf("mapped: %v", mapped)
			}
			all := map[string][]came{}
			for i := range uint32(n) {
				key := fmt.Sprint("key-", random.IntN(keys))
				if i%3 == 0 {
					key = "hot" // a key that many labels have
				}
				c := came{random.Int64N(2000) - 1000, i}
				all[key] = append(all[key], c)
				table.add([]byte(key), time.UnixMilli(c.at), binary.LittleEndian.AppendUint32(nil, c.label))
			}
			table.sort()
			for range 4000 {
				key, at := fmt.Sprint("key-", random.IntN(keys+20)), random.Int64N(2000)-1000
				if random.IntN(10) == 0 {
					key = "hot"
				}
				within := time.Duration(random.IntN(3)) * 250 * time.Millisecond
				want, matches := came{at: -1 << 62}, 0
				for _, c := range all[key] {
					if within == 0 || c.at >= at && c.at <= at+within.Milliseconds() {
						if matches++; c.at >= want.at {
							want = c
						}
					}
				}
				got, n := table.find([]byte(key), time.UnixMilli(at), within)
				if n != matches || n > 0 && binary.LittleEndian.Uint32(got) != want.label {
					t.Fatalf("%s at %d within %s: %d matches, %v; want %d, %v", key, at, within, n, got, matches, want)
				}
			}
		})
	}
}
