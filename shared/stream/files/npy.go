package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
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
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*(?:'([<>|=]?)([A-Za-z]\w*)(?:\[\w+\])?'|(\[))`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*True`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([\d,\s]*)\)`)
)

// npyHeader reads the header of NPY, versions 1 to 3.
func (r *rows) npyHeader() error {
	var magic [8]byte
	if n, err := io.ReadFull(r.from, magic[:]); err != nil || string(magic[:6]) != "\x93NUMPY" {
		return isNot("an NPY file", magic[:n])
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
		return errors.New("has a header that cannot be read: save the array again with numpy.save")
	}
	var known bool
	if r.dtype, known = npyTypes[descr[2]]; !known {
		return noNumbers(descr[2], header)
	}
	if npyFortran.MatchString(header) {
		return pipeline.Invalidf("file", "is stored column by column (fortran_order)").WithHint("save it row by row: numpy.save(name, numpy.ascontiguousarray(x))")
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

// npyKinds are NumPy's types that are no numbers of a tensor, by their letter,
// and how to save them as numbers.
var npyKinds = map[byte][2]string{
	'M': {"dates (datetime64)", `save them as numbers: x.astype("datetime64[s]").astype("int64")`},
	'm': {"durations (timedelta64)", `save them as numbers: x.astype("int64")`},
	'O': {"Python objects, as an array of rows of different lengths does", `save one array of numbers: numpy.array(x.tolist(), dtype="float32"), its rows padded to one length`},
	'U': {"text", `save the numbers of classes in its place: numpy.unique(x, return_inverse=True)[1]`},
	'S': {"text (bytes)", `save the numbers of classes in its place: numpy.unique(x, return_inverse=True)[1]`},
	'a': {"text (bytes)", `save the numbers of classes in its place: numpy.unique(x, return_inverse=True)[1]`},
	'V': {"raw bytes (void)", "save an array of numbers"},
	'c': {"complex numbers", "save their real and imaginary parts: numpy.stack([x.real, x.imag], -1)"},
	'f': {"numbers of more than 64 bits (longdouble)", `save them as float64: x.astype("float64")`},
}

var npyField = regexp.MustCompile(`\('(\w+)',`)

// noNumbers refuses an array by what it holds.
func noNumbers(letter, header string) error {
	if letter == "" {
		var fields []string
		for _, f := range npyField.FindAllStringSubmatch(header, -1) {
			fields = append(fields, f[1])
		}
		return pipeline.Invalidf("file", "holds records with the fields %s, not one array of numbers", some(fields)).
			WithHint(`write them as a table: pandas.DataFrame(x).to_csv("x.csv", index=False)`)
	}
	kind, known := npyKinds[letter[0]]
	if !known {
		kind = [2]string{"a type that is none of numbers (" + letter + ")", `save an array of numbers: x.astype("float32")`}
	}
	return pipeline.Invalidf("file", "holds %s, not numbers", kind[0]).WithHint("%s", kind[1])
}
