package train

import (
	"bufio"
	"context"
	"math/rand/v2"
	"os"
)

// Shuffling is a function of seed and pass alone. Records in memory are
// permuted as a whole. Records in a file are permuted in windows, so that they
// are read in runs and no index of all of them is held: the file is cut into
// blocks, the blocks are permuted, and the records of each window of as many
// blocks as fit windowBytes are permuted among themselves. A record can so
// come at any place of an epoch, and neighbours of the stream rarely meet.
const (
	indexBytes  = 4        // a record's place in a permutation
	blockBytes  = 64 << 10 // of a file, kept together
	windowBytes = 32 << 20 // of blocks, permuted as a whole
)

// source is the random numbers of one pass; stream tells its uses apart.
func source(seed uint64, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// permutation fills p with 0 to len(p)-1 in random order (Fisher and Yates).
func permutation(p []uint32, r *rand.Rand) {
	for i := range p {
		j := r.IntN(i + 1)
		p[i] = p[j]
		p[j] = uint32(i)
	}
}

// windows is the order of a file's records in one pass.
type windows struct {
	from   int64 // first record
	block  int64 // records a block
	blocks []uint32
	whole  int64 // blocks at first
	each   int64 // blocks a window
	tail   int64 // records after the last whole block; they come last
	r      *rand.Rand
}

// newWindows orders n records of row bytes from record from on.
func newWindows(from, n int64, row int, r *rand.Rand) *windows {
	block := max(1, int64(blockBytes/row))
	w := &windows{from: from, block: block, tail: n % block, each: max(1, windowBytes/(block*int64(row))), r: r}
	w.whole = n / block
	w.blocks = make([]uint32, w.whole)
	permutation(w.blocks, r)
	return w
}

// next reads the next window, shuffled, into buf and returns its rows; none
// when all were read.
func (w *windows) next(c *cache, buf []byte) ([]byte, error) {
	n := min(int64(len(w.blocks)), w.each)
	at := 0
	for _, b := range w.blocks[:n] {
		rows, err := c.rows(w.from+int64(b)*w.block, int(w.block), buf[at:])
		if err != nil {
			return nil, err
		}
		at += copy(buf[at:], rows)
	}
	if last := int64(len(w.blocks)) == n; last && w.tail > 0 {
		rows, err := c.rows(w.from+w.whole*w.block, int(w.tail), buf[at:])
		if err != nil {
			return nil, err
		}
		at += copy(buf[at:], rows)
		w.tail = 0
	}
	w.blocks = w.blocks[n:]
	shuffleRows(buf[:at], c.row, w.r)
	return buf[:at], nil
}

// room is the bytes that a window can need.
func (w *windows) room(row int) int { return int((w.each*w.block + w.block) * int64(row)) }

// shuffleRows permutes rows in place.
func shuffleRows(rows []byte, row int, r *rand.Rand) {
	if row == 0 {
		return
	}
	tmp := make([]byte, row)
	for i := len(rows)/row - 1; i > 0; i-- {
		j := r.IntN(i + 1)
		a, b := rows[i*row:(i+1)*row], rows[j*row:(j+1)*row]
		copy(tmp, a)
		copy(a, b)
		copy(b, tmp)
	}
}

// shuffle permutes the whole cache once, by seed.
func (c *cache) shuffle(ctx context.Context, seed int64) error {
	r := source(uint64(seed), streamShuffle)
	if c.memory != nil {
		shuffleRows(c.memory, c.row, r)
		return nil
	}
	f, err := unnamed(c.dir)
	if err != nil {
		return err
	}
	old := *c
	w := newWindows(0, c.records, c.row, r)
	if err := rewrite(ctx, f, w, &old); err != nil {
		_ = f.Close() // the first error is the one to tell
		return err
	}
	c.file = f
	return old.file.Close() // the text stays where it is
}

// rewrite writes all windows to f.
func rewrite(ctx context.Context, f *os.File, w *windows, c *cache) error {
	out, buf := bufio.NewWriterSize(f, 1<<20), make([]byte, w.room(c.row))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := w.next(c, buf)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return out.Flush()
		}
		if _, err := out.Write(rows); err != nil {
			return err
		}
	}
}

// streamShuffle is the stream of random numbers of shuffle; passes have their
// own number.
const streamShuffle = 1 << 40
