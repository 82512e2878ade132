package files

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// What a Parquet file may make us hold at once. Writers end a page after about
// 1 MiB.
const (
	largestFooter = 64 << 20
	largestPage   = 256 << 20
	fullestPage   = 1 << 26 // values
)

// parquetFooter refuses a file that does not end as Parquet, before memory is
// taken for what its last bytes say.
func parquetFooter(from io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return pipeline.Invalidf("file", "is a Parquet file that was cut: it has %d bytes", size).WithHint("fetch or write the whole file again")
	}
	if _, err := from.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	footer := int64(binary.LittleEndian.Uint32(tail[:4]))
	switch {
	case string(tail[4:]) == "PARE":
		return pipeline.Invalidf("file", "is a Parquet file that is encrypted").WithHint("write it without encryption")
	case string(tail[4:]) != "PAR1", footer > size-12:
		return pipeline.Invalidf("file", "is a Parquet file that was cut: it does not end as one").WithHint("fetch or write the whole file again")
	case footer > largestFooter:
		return pipeline.Invalidf("file", "has a footer of %d MiB, at most %d can be read", footer>>20, largestFooter>>20).WithHint("write it with fewer row groups")
	}
	return nil
}

// checkChunk refuses a column whose pages are larger than memory is to be taken
// for, whatever their headers say.
func checkChunk(from io.ReaderAt, about *format.ColumnMetaData) error {
	begin := about.DataPageOffset
	if about.DictionaryPageOffset != 0 {
		begin = about.DictionaryPageOffset
	}
	in := bufio.NewReader(io.NewSectionReader(from, begin, about.TotalCompressedSize))
	var protocol thrift.CompactProtocol
	decoder := thrift.NewDecoder(protocol.NewReader(in))
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		header := new(format.PageHeader)
		if err := decoder.Decode(header); err != nil {
			return damaged(err)
		}
		if err := checkPage(in, header, about.Codec); err != nil {
			return err
		}
	}
}

func checkPage(in *bufio.Reader, header *format.PageHeader, codec format.CompressionCodec) error {
	packed, size := header.CompressedPageSize, header.UncompressedPageSize
	values := max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues, header.DictionaryPageHeader.V.NumValues)
	switch {
	case min(packed, size, values) < 0:
		return damaged(errors.New("a page of negative size"))
	case max(packed, size) > largestPage:
		return pipeline.Invalidf("file", "has a page of %d MiB, at most %d can be read", max(packed, size)>>20, largestPage>>20).
			WithHint("write it with pages of about 1 MiB, as pyarrow does (data_page_size)")
	case values > fullestPage:
		return pipeline.Invalidf("file", "has a page of %d values, at most %d can be read", values, fullestPage).
			WithHint("write it with smaller row groups, as row_group_size=1000000 of pyarrow")
	}
	body := &io.LimitedReader{R: in, N: int64(packed)}
	err := unpacksTo(body, header, codec)
	if _, rest := io.Copy(io.Discard, body); rest != nil || body.N > 0 {
		return damaged(io.ErrUnexpectedEOF)
	}
	return err
}

// unpacksTo refuses a page that unpacks to more than its header says.
func unpacksTo(body io.Reader, header *format.PageHeader, codec format.CompressionCodec) error {
	var unpacked io.Reader
	if v2 := header.DataPageHeaderV2; v2.Valid { // levels stand before what is packed
		_, err := io.CopyN(io.Discard, body, int64(v2.V.RepetitionLevelsByteLength)+int64(v2.V.DefinitionLevelsByteLength))
		if err != nil {
			return damaged(err)
		}
		if v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
			return nil
		}
	}
	limit := int64(header.UncompressedPageSize)
	switch codec {
	case format.Snappy:
		var start [binary.MaxVarintLen32]byte
		n, _ := io.ReadFull(body, start[:]) // a shorter page gives what it has
		if size, err := snappy.DecodedLen(start[:n]); n > 0 && (err != nil || int64(size) > limit) {
			return damaged(fmt.Errorf("a page of %d bytes unpacks to %d", limit, size))
		}
		return nil
	case format.Gzip, format.Zstd, format.Brotli:
		r, end, err := unpack(codec, body)
		if err != nil {
			return damaged(err)
		}
		defer end()
		unpacked = r
	default:
		return nil
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(unpacked, limit+1)); err != nil || n > limit {
		return damaged(errors.Join(err, fmt.Errorf("a page of %d bytes unpacks to more", limit)))
	}
	return nil
}

func damaged(err error) error {
	return pipeline.Invalidf("file", "is damaged: %v", err).WithHint("fetch or write the whole file again")
}

func unpack(codec format.CompressionCodec, from io.Reader) (_ io.Reader, end func(), err error) {
	switch codec {
	case format.Gzip:
		r, err := gzip.NewReader(from)
		return r, func() {}, err
	case format.Zstd:
		r, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(largestPage))
		if err != nil {
			return nil, nil, err
		}
		return r, r.Close, nil
	}
	return brotli.NewReader(from), func() {}, nil
}
