package records

import (
	"context"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	// previewRooms bounds the memory of the previews that are made at once; others
	// wait for room.
	previewRooms = 256 << 20
	// previewTime bounds a preview, its wait for room included.
	previewTime = time.Minute
	// previewRanges bounds the ranges that a preview names: each is read from Kafka
	// by itself.
	previewRanges = 1000
	// beside is what a preview takes beside its tensors.
	beside = 1 << 20
)

// room waits until there is memory for a preview of what d decodes; release gives
// it back.
func (s *Service) room(ctx context.Context, d *features.Decoder) (release func(), err error) {
	share := int64(beside)
	for _, tensors := range [][]codec.Tensor{d.Inputs(), d.Labels()} {
		for _, t := range tensors {
			share += 2 * int64(t.Bytes()) // as they are stored and as they are checked
		}
	}
	if d.Window() != nil {
		share += features.PreviewMemory
	}
	share = min(share, previewRooms)
	if err := s.rooms.Acquire(ctx, share); err != nil {
		return nil, &pipeline.Error{
			Op: "show records", Kind: pipeline.Unavailable, Reason: "other previews take all the memory that there is for them",
			Hint: "try again in a moment", Err: err,
		}
	}
	return func() { s.rooms.Release(share) }, nil
}
