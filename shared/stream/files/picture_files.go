package files

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// pictureFiles opens a folder or a zip archive.
func pictureFiles(name string) (fs.FS, io.Closer, error) {
	if about, err := os.Stat(name); err == nil && about.IsDir() {
		return os.DirFS(name), nil, nil
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, nil, fmt.Errorf("is a zip archive that is cut or damaged: %w", err)
	}
	return z, z, nil
}

// find lists the pictures, known by their first bytes, in the order of their
// names. What systems leave in folders is not looked at.
func (p *pictures) find() (found []string, err error) {
	const most = 10_000_000
	err = fs.WalkDir(p.in, ".", func(name string, d fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (base == "__MACOSX" || strings.HasPrefix(base, ".") && base != "."):
			return fs.SkipDir
		case d.IsDir(), strings.HasPrefix(base, "."), base == "Thumbs.db", base == "desktop.ini":
			return nil
		case len(found) > most:
			return pipeline.Invalidf("file", "holds more than %d pictures", most)
		}
		is, err := p.isPicture(name)
		switch {
		case err != nil:
			return err
		case is:
			found = append(found, name)
		default:
			p.left = append(p.left, name)
		}
		return nil
	})
	return found, err
}

func (p *pictures) isPicture(name string) (bool, error) {
	f, err := p.in.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var start [4]byte
	n, err := io.ReadFull(f, start[:])
	if n < len(start) {
		return false, ignoreEnd(err)
	}
	return pictureBytes(start[:]), nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// pictureBytes reports whether bytes begin as PNG or JPEG.
func pictureBytes(start []byte) bool {
	return bytes.HasPrefix(start, []byte("\x89PNG")) || bytes.HasPrefix(start, []byte("\xff\xd8\xff"))
}

// measure finds the size and the channels of the records: those of the model
// where it is known, else those of the pictures.
func (p *pictures) measure(o Options) error {
	gray, sizes, alpha := true, map[dimensions]string{}, ""
	for _, of := range p.all {
		about, err := p.about(of.path)
		if err != nil {
			return ofMember(of.path, err)
		}
		if at := (dimensions{about.Height, about.Width}); len(sizes) < 5 && sizes[at] == "" {
			sizes[at] = of.path
		}
		if alpha == "" && (about.ColorModel == color.NRGBAModel || about.ColorModel == color.NRGBA64Model) {
			alpha = of.path
		}
		gray = gray && (about.ColorModel == color.GrayModel || about.ColorModel == color.Gray16Model)
	}
	p.channels, p.rank = 3, 3
	if gray {
		p.channels = 1
	}
	wanted := p.modelSize(o.Inputs)
	if p.channels != 4 {
		p.alpha = alpha
	}
	if o.Resize != "" {
		var err error
		p.size, err = parseSize(o.Resize)
		p.resized = true
		return err
	}
	if len(sizes) > 1 {
		return differentSizes(sizes, wanted)
	}
	for p.size = range sizes {
	}
	if wanted != (dimensions{}) && wanted != p.size {
		return pipeline.Invalidf("file", "holds pictures of %s (height x width), and the model takes %s", p.size, wanted).WithHint("--resize %s brings them to that size", wanted)
	}
	return nil
}

// modelSize is the size of pictures that the model's one input takes, and takes
// its channels; none where that is no picture.
func (p *pictures) modelSize(inputs []pipeline.Tensor) (wanted dimensions) {
	if len(inputs) != 1 {
		return dimensions{}
	}
	shape := inputs[0].Shape
	if n := len(shape); n == 2 || n == 3 && slices.Contains([]int{1, 3, 4}, shape[2]) {
		wanted, p.channels, p.rank = dimensions{shape[0], shape[1]}, 1, n
		if n == 3 {
			p.channels = shape[2]
		}
	}
	if wanted.height < 1 || wanted.width < 1 { // any size
		return dimensions{}
	}
	return wanted
}

func differentSizes(sizes map[dimensions]string, wanted dimensions) error {
	var all []string
	for at, path := range sizes {
		all = append(all, fmt.Sprintf("%s (%s)", at, path))
	}
	slices.Sort(all)
	if wanted == (dimensions{}) {
		wanted = dimensions{128, 128}
	}
	return pipeline.Invalidf("file", "holds pictures of different sizes (height x width): %s", strings.Join(all, ", ")).
		WithHint("--resize %s brings all to that size", wanted)
}

func parseSize(text string) (s dimensions, err error) {
	height, width, ok := strings.Cut(strings.ToLower(strings.TrimSpace(text)), "x")
	if ok {
		s.height, err = strconv.Atoi(height)
		if err == nil {
			s.width, err = strconv.Atoi(width)
		}
	}
	const most = 16 << 10
	if !ok || err != nil || min(s.height, s.width) < 1 || max(s.height, s.width) > most || s.height*s.width > maxRow/4 {
		return s, pipeline.Invalidf("resize", "%q is no size of pictures", text).WithHint("give height x width in pixels, such as 128x128")
	}
	return s, nil
}

// about reads what a picture says of itself.
func (p *pictures) about(name string) (image.Config, error) {
	f, err := p.in.Open(name)
	if err != nil {
		return image.Config{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	about, _, err := image.DecodeConfig(bufio.NewReader(f))
	if err != nil {
		return about, fmt.Errorf("is a picture that is damaged: %w", err)
	}
	if min(about.Height, about.Width) < 1 || about.Height > maxRow/4/about.Width {
		return about, fmt.Errorf("is a picture of %d x %d pixels, too large to be read", about.Height, about.Width)
	}
	return about, nil
}
