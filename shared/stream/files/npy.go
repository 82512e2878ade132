package files

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// npyTypes are the element types by NumPy's type strings; the byte order comes
// before them.
var npyTypes = map[string]codec.DType{
	"f2": codec.Float16, "f4": codec.Float32, "f8": codec.Float64,
	"i1": codec.Int8, "i2": codec.Int16, "i4": codec.Int32, "i8": codec.Int64,
	"u1": codec.Uint8, "u2": codec.Uint16, "u4": codec.Uint32, "u8": codec.Uint64, "b1": codec.Bool,
}

// The members of an NPY header, a Python dictionary (NumPy's documentation,
// numpy.lib.format).
var (
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([<>|=])([a-z]\d+)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*True`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([\d,\s]*)\)`)
)

// npyHeader reads the header of NPY, versions 1 to 3.
func (r *rows) npyHeader() error {
	var magic [8]byte
	if _, err := io.ReadFull(r.from, magic[:]); err != nil || string(magic[:6]) != "\x93NUMPY" {
		return errors.New("is not an NPY file")
	}
	width := 4
	if magic[6] == 1 {
		width = 2
	}
	var length [4]byte
	if _, err := io.ReadFull(r.from, length[:width]); err != nil {
		return fmt.Errorf("ends within its header: %w", err)
	}
	const longest = 1 << 16
	n := binary.LittleEndian.Uint32(length[:])
	if n > longest {
		return fmt.Errorf("header of %d bytes is too long", n)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r.from, header); err != nil {
		return fmt.Errorf("ends within its header: %w", err)
	}
	return r.npyDescribe(string(header))
}

func (r *rows) npyDescribe(header string) error {
	descr, shape := npyDescr.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || shape == nil {
		return fmt.Errorf("header %q is not of an array of numbers", header)
	}
	var known bool
	if r.dtype, known = npyTypes[descr[2]]; !known {
		return fmt.Errorf("type %s%s cannot be read", descr[1], descr[2])
	}
	if npyFortran.MatchString(header) {
		return errors.New("is stored column by column: save numpy.ascontiguousarray of it")
	}
	r.swap = descr[1] == ">"
	var sizes []int
	for text := range strings.SplitSeq(shape[1], ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		d, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("shape (%s): %w", shape[1], err)
		}
		sizes = append(sizes, int(d))
	}
	return r.prepare(sizes)
}

// The names by which NPZ files call samples and labels, likeliest first.
var (
	sampleNames = []string{"x", "X", "x_train", "X_train", "data", "samples", "images", "features", "arr_0"}
	labelNames  = []string{"y", "Y", "y_train", "Y_train", "label", "labels", "target", "targets", "class", "arr_1"}
)

// openNPZ reads two members of an archive side by side.
func openNPZ(path string, o Options) (source, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	open := func(name string) (*rows, error) {
		f, err := z.Open(name + ".npy")
		if err != nil {
			return nil, err
		}
		r := &rows{name: name, from: f, close: f.Close}
		if err := r.npyHeader(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
		return r, nil
	}
	p, err := npzPair(members(&z.Reader), open, o)
	if err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return &archive{p, z}, nil
}

func members(z *zip.Reader) (names []string) {
	for _, f := range z.File {
		if name, ok := strings.CutSuffix(f.Name, ".npy"); ok {
			names = append(names, name)
		}
	}
	return names
}

func npzPair(names []string, open func(string) (*rows, error), o Options) (source, error) {
	labels := labelNames
	if o.Label != "" {
		labels = []string{o.Label}
	}
	find := func(likely []string) (string, bool) {
		i := slices.IndexFunc(likely, func(n string) bool { return slices.Contains(names, n) })
		if i < 0 {
			return "", false
		}
		return likely[i], true
	}
	sample, ok := find(sampleNames)
	label, labelled := find(labels)
	if !ok || (!labelled && !o.Only) {
		return nil, pipeline.Invalidf("file", "holds %s: which are the samples and the labels is not clear", strings.Join(names, ", ")).
			WithHint("call the members x and y, or name the label's")
	}
	x, err := open(sample)
	if err != nil {
		return nil, err
	}
	if o.Only {
		return newPair(x, nil)
	}
	y, err := open(label)
	if err != nil {
		return nil, errors.Join(err, x.close())
	}
	return newPair(x, y)
}

// archive closes the archive with its members.
type archive struct {
	source
	zip io.Closer
}

func (a *archive) Close() error { return errors.Join(a.source.Close(), a.zip.Close()) }
