package stream

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Positions reads what PositionText wrote, "partition:offset,...": the next offset of
// each partition. "" has none.
func Positions(text string) (map[int]int64, error) {
	at := map[int]int64{}
	if text == "" {
		return at, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		p, offset, _ := strings.Cut(entry, ":")
		partition, err := strconv.Atoi(p)
		next, err2 := strconv.ParseInt(offset, 10, 64)
		if err != nil || err2 != nil || partition < 0 || next < 0 {
			return nil, pipeline.Invalidf("after", "%q is not a position", text).WithHint("give the id of a message of this stream")
		}
		at[partition] = next
	}
	return at, nil
}

// PositionText writes positions as the id of a message of Server-Sent Events, by which
// a client goes on where it was.
func PositionText(at map[int]int64) string {
	var b strings.Builder
	for k, p := range slices.Sorted(maps.Keys(at)) {
		if k > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%d", p, at[p])
	}
	return b.String()
}
