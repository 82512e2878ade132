package train

import (
	"context"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// split is one split of the stream: records of the cache, cast to the columns
// of a trainer. It implements framework.Split.
type split struct {
	cache    *cache
	columns  []codec.Tensor
	from, to int64
	shuffled bool
	seed     uint64

	pass   int      // that order and window belong to
	order  []uint32 // of a shuffled pass in memory
	window *windows // of a shuffled pass in a file
	rows   []byte   // of the window, what is not read yet
	at     int64    // position of rows in the pass
	buf    []byte
}

// readBytes bounds a read of the cache in its own order.
const readBytes = 1 << 20

func newSplit(c *cache, columns []codec.Tensor, from, to int64) *split {
	return &split{cache: c, columns: columns, from: from, to: to, pass: -1}
}

// Len is the number of records.
func (s *split) Len() int64 { return s.to - s.from }

// Read implements framework.Split.
func (s *split) Read(ctx context.Context, pass int, first int64, n int, dst [][]byte) error {
	if first < 0 || first+int64(n) > s.Len() {
		return fmt.Errorf("records %d to %d of %d", first, first+int64(n), s.Len())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.cache.pulse.beat()
	switch {
	case !s.shuffled || pass < 0:
		return s.stored(first, n, dst)
	case s.cache.memory != nil:
		return s.permuted(pass, first, n, dst)
	}
	return s.windowed(ctx, pass, first, n, dst)
}

// stored reads in the order of the stream.
func (s *split) stored(first int64, n int, dst [][]byte) error {
	most := max(1, readBytes/max(1, s.cache.row))
	if s.buf == nil && s.cache.memory == nil {
		s.buf = make([]byte, most*s.cache.row)
	}
	for done := 0; done < n; {
		k := min(most, n-done)
		rows, err := s.cache.rows(s.from+first+int64(done), k, s.buf)
		if err != nil {
			return err
		}
		if err := s.scatter(rows, done, dst); err != nil {
			return err
		}
		done += k
	}
	return nil
}

// permuted reads a pass over records in memory.
func (s *split) permuted(pass int, first int64, n int, dst [][]byte) error {
	if s.pass != pass {
		if s.order == nil {
			s.order = make([]uint32, s.Len())
		}
		permutation(s.order, source(s.seed, uint64(pass)))
		s.pass = pass
	}
	for i, p := range s.order[first : first+int64(n)] {
		at := (s.from + int64(p)) * int64(s.cache.row)
		if err := s.scatter(s.cache.memory[at:at+int64(s.cache.row)], i, dst); err != nil {
			return err
		}
	}
	return nil
}

// windowed reads a pass over records in a file, from its beginning to its end.
func (s *split) windowed(ctx context.Context, pass int, first int64, n int, dst [][]byte) error {
	if s.pass != pass || first < s.at {
		s.window = newWindows(s.from, s.Len(), s.cache.row, source(s.seed, uint64(pass)))
		s.rows, s.at, s.pass = nil, 0, pass
		if need := s.window.room(s.cache.row); len(s.buf) < need {
			s.buf = make([]byte, need)
		}
	}
	for done := 0; done < n; {
		if len(s.rows) == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if s.rows, err = s.window.next(s.cache, s.buf); err != nil {
				return err
			}
			if len(s.rows) == 0 {
				return fmt.Errorf("the pass ended before record %d", first+int64(done))
			}
		}
		held := int64(len(s.rows) / s.cache.row)
		if skip := min(held, first+int64(done)-s.at); skip > 0 {
			s.drop(skip)
			continue
		}
		k := int(min(held, int64(n-done)))
		if err := s.scatter(s.rows[:k*s.cache.row], done, dst); err != nil {
			return err
		}
		s.drop(int64(k))
		done += k
	}
	return nil
}

func (s *split) drop(n int64) {
	s.rows = s.rows[n*int64(s.cache.row):]
	s.at += n
}

// scatter casts rows into the columns from record at on; text is added to its
// column.
func (s *split) scatter(rows []byte, at int, dst [][]byte) error {
	for i := 0; len(rows) > 0; i++ {
		for k, f := range s.cache.fields {
			if f.DType == codec.String {
				var err error
				if dst[k], err = s.cache.text.appendTo(dst[k], placeOf(rows[f.at:])); err != nil {
					return err
				}
				continue
			}
			want := &s.columns[k]
			size := f.bytes / f.DType.Size() * want.DType.Size()
			out := dst[k][(at+i)*size : (at+i+1)*size]
			if err := codec.Cast(out, want.DType, rows[f.at:f.at+f.bytes], f.DType); err != nil {
				return fmt.Errorf("record %d: %s: %w", at+i, f.Name, err)
			}
			if s.cache.fills != nil && s.cache.fills[k] != nil {
				if err := codec.FillNaN(out, want.DType, s.cache.fills[k]); err != nil {
					return fmt.Errorf("record %d: %s: %w", at+i, f.Name, err)
				}
			}
		}
		rows = rows[s.cache.row:]
	}
	return nil
}
