package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/kafkaml/kafkaml/shared/disk"
)

const gibibyte = 1 << 30

// memory trains for two epochs on a stream that is larger than the process may
// become.
func memory(ctx context.Context, b *bench) ([]finding, error) {
	d, err := digits()
	if err != nil {
		return nil, err
	}
	const bytes = 4_000_000_000
	n := b.scaled(bytes/d.size(), 500_000)
	if err := b.room(3 * int64(n) * int64(d.size())); err != nil { // the log, the cache, and to spare
		return nil, err
	}
	s, err := b.send(ctx, d, 4, n)
	if err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	peak := make(chan int64, 1)
	go func() { peak <- b.peak(watching) }()
	took, results, err := b.trained(ctx, s, fitting{model: "mnist", batch: 512, epochs: 2}, "mnist")
	stop()
	rss := <-peak
	if err != nil {
		return nil, err
	}
	r := results[0]
	model := r.Lineage // what was read stands beside what was sent
	fmt.Fprintf(os.Stderr, "    %s: %d records, %d bytes read, %v\n", seconds(took), model.Records, model.BytesRead, r.Metrics.Training)
	size := 3 * 4 * int64(101_770) // weights and Adam's two moments, float32
	return []finding{
		{
			what: fmt.Sprintf("peak RSS, a RAW stream of %.1f GB trained for 2 epochs", float64(s.bytes)/1e9), ours: mebibytes(rss),
			against: "1 GiB plus the model", theirs: mebibytes(gibibyte + size), ratio: float64(gibibyte+size) / float64(rss), mark: 1, rule: "under it",
			note: "1 run",
		},
		{
			what: "bytes read from Kafka, 2 epochs", ours: fmt.Sprint(model.BytesRead), against: "the stream", theirs: fmt.Sprint(s.bytes),
			ratio: float64(s.bytes) / float64(model.BytesRead), mark: 1, rule: "read once", note: "1 run",
		},
	}, nil
}

// room is an error where the disk cannot take so many bytes.
func (b *bench) room(bytes int64) error {
	free, err := disk.Free(b.dir)
	if err != nil {
		return err
	}
	if free < bytes {
		return fmt.Errorf("%s has %s free, %s are needed: set TMPDIR", b.dir, mebibytes(free), mebibytes(bytes))
	}
	return nil
}

// peak is the most memory that a training process of the product ever had, of
// those that are seen until ctx ends.
func (b *bench) peak(ctx context.Context) int64 {
	var most int64
	_ = poll(ctx, 50*time.Millisecond, func() (bool, error) {
		pids, err := children(b.product.Process.Pid, "train")
		for _, pid := range pids {
			if rss, err := resident(pid, "VmHWM"); err == nil { // it may have ended meanwhile
				most = max(most, rss)
			}
		}
		return false, err
	})
	return most
}
