package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// start compares how long a process takes from its start to its first
// prediction, and what it then holds in memory.
func start(ctx context.Context, b *bench) ([]finding, error) {
	v, err := b.serve(ctx, "mnist")
	if err != nil {
		return nil, err
	}
	n := b.scaled(50_000, 5_000)
	in, err := b.filled(ctx, v, n)
	if err != nil {
		return nil, err
	}
	took, memory := map[string][]time.Duration{}, map[string][]int64{}
	for range b.runs {
		for _, c := range []contender{direct, batched, pipelined} {
			first, rss, err := b.begin(ctx, v, c, in, n)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			took[c.name], memory[c.name] = append(took[c.name], first), append(memory[c.name], rss)
		}
	}
	ours, theirs := median(memory[direct.name]), median(memory[batched.name])
	return []finding{
		faster("start of a predict process to its first prediction", median(took[direct.name]), batched.name, median(took[batched.name]), 5),
		faster("start of a predict process to its first prediction", median(took[direct.name]), pipelined.name, median(took[pipelined.name]), 0),
		atMost("start of a predict process to its first prediction", seconds(median(took[direct.name])), "80 ms", float64(80*time.Millisecond)/float64(median(took[direct.name]))),
		{
			what: fmt.Sprintf("its RSS after %d records", n), ours: mebibytes(ours), against: batched.name, theirs: mebibytes(theirs),
			ratio: float64(theirs) / float64(ours), mark: 1 / 0.75, rule: "at most 0.75 of theirs",
		},
		atMost(fmt.Sprintf("its RSS after %d records", n), mebibytes(ours), "80 MiB", float64(80<<20)/float64(ours)),
	}, nil
}

// arrived is when the first record of a topic is at a consumer that waits for it: the
// broker has nothing else to do for whoever looks, as it would if it were asked often.
func (b *bench) arrived(ctx context.Context, topic string) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, fmt.Errorf("no record of %s in five minutes", topic))
	defer cancel()
	consumer, err := b.consumer(topic)
	if err != nil {
		return time.Time{}, err
	}
	defer consumer.Close()
	for {
		fetches, at, err := arriving(ctx, consumer)
		if err != nil || fetches.NumRecords() > 0 {
			return at, err
		}
	}
}

// atMost holds a figure of ours against what it may be at most.
func atMost(what, ours, most string, ratio float64) finding {
	return finding{what: what, ours: ours, against: "at most", theirs: most, ratio: ratio, mark: 1}
}

// begin starts a contender on a filled topic: when was its first prediction
// there, counted from the start of its process, and how much memory does it
// have when all n are.
func (b *bench) begin(ctx context.Context, v *served, c contender, in string, n int) (first time.Duration, rss int64, err error) {
	out, err := b.topic(ctx, "out", partitions)
	if err != nil {
		return 0, 0, err
	}
	type sight struct {
		at  time.Time
		err error
	}
	seen := make(chan sight, 1)
	go func() { // before the start: an inference is not told to be ready before it may have predicted
		at, err := b.arrived(ctx, out)
		seen <- sight{at, err}
	}()
	r, err := c.start(ctx, b, v, in, out)
	if err != nil {
		return 0, 0, errors.Join(err, (<-seen).err)
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	s := <-seen
	if s.err != nil {
		return 0, 0, s.err
	}
	if _, _, err := b.reached(ctx, out, int64(n), 50*time.Millisecond); err != nil {
		return 0, 0, err
	}
	rss, err = resident(r.pid, "VmRSS")
	fmt.Fprintf(os.Stderr, "    %s: first prediction after %s, RSS %s\n", c.name, seconds(s.at.Sub(r.began)), mebibytes(rss))
	return s.at.Sub(r.began), rss, err
}
