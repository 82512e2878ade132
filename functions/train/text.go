package train

import (
	"bufio"
	"encoding/binary"
	"errors"
	"os"
)

// place is where a record's text lies in a textStore: its offset and its length,
// which stand in the record's row of the cache.
type place struct{ at, bytes int64 }

// placeBytes is the size of a place in a row.
const placeBytes = 16

func (p place) put(row []byte) {
	binary.LittleEndian.PutUint64(row, uint64(p.at))        // #nosec G115 -- not negative
	binary.LittleEndian.PutUint64(row[8:], uint64(p.bytes)) // #nosec G115 -- not negative
}

func placeOf(row []byte) place {
	return place{int64(binary.LittleEndian.Uint64(row)), int64(binary.LittleEndian.Uint64(row[8:]))} // #nosec G115 -- as put wrote it
}

// textStore holds the text of a stream, which differs in size from record to
// record: in memory up to a limit, else in a file. It is written once, then
// sealed, then read.
type textStore struct {
	dir    string
	limit  int64
	memory []byte // nil where file is used
	file   *os.File
	out    *bufio.Writer
	size   int64
}

// add stores a text.
func (s *textStore) add(text []byte) (place, error) {
	p := place{s.size, int64(len(text))}
	s.size += p.bytes
	if s.file == nil && s.size > s.limit {
		if err := s.spill(); err != nil {
			return p, op("write the cache", err)
		}
	}
	if s.file == nil {
		s.memory = append(s.memory, text...)
		return p, nil
	}
	if _, err := s.out.Write(text); err != nil {
		return p, op("write the cache", err)
	}
	return p, nil
}

// spill moves what is in memory to a file.
func (s *textStore) spill() (err error) {
	if s.file, err = unnamed(s.dir); err != nil {
		return err
	}
	s.out = bufio.NewWriterSize(s.file, 1<<20)
	_, err = s.out.Write(s.memory)
	s.memory = nil
	return err
}

// seal ends the writing.
func (s *textStore) seal() error {
	if s.file == nil {
		return nil
	}
	if err := s.out.Flush(); err != nil {
		return op("write the cache", err)
	}
	return nil
}

// appendTo adds a text that is stored to dst.
func (s *textStore) appendTo(dst []byte, p place) ([]byte, error) {
	if s.file == nil {
		return append(dst, s.memory[p.at:p.at+p.bytes]...), nil
	}
	from := len(dst)
	dst = append(dst, make([]byte, p.bytes)...)
	if _, err := s.file.ReadAt(dst[from:], p.at); err != nil {
		return dst, op("read the cache", err)
	}
	return dst, nil
}

// forget empties a store that is in memory.
func (s *textStore) forget() error {
	if s.file != nil {
		return errors.New("text in a file cannot be forgotten")
	}
	s.memory, s.size = s.memory[:0], 0
	return nil
}

func (s *textStore) close() error {
	s.memory = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
