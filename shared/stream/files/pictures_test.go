package files_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// paint makes a picture of one color.
func paint(h, w int, c color.Color) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	return m
}

func pngOf(t *testing.T, m image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func jpegOf(t *testing.T, m image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// folder writes files, by their paths.
func folder(t *testing.T, all map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// archive is a zip archive of files.
func archive(t *testing.T, all map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range all {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "upload.bin", b.String())
}

func pets(t *testing.T) map[string]string {
	red, blue := color.NRGBA{200, 10, 20, 255}, color.NRGBA{0, 0, 255, 255}
	return map[string]string{
		"pets/cats/a.png": pngOf(t, paint(2, 3, red)), "pets/cats/deep/b.PNG": pngOf(t, paint(2, 3, red)),
		"pets/dogs/called.txt": jpegOf(t, paint(2, 3, blue)), "pets/dogs/notes.txt": "no picture", "pets/.DS_Store": "x", "__MACOSX/pets/cats/._a.png": "\x89PNG",
	}
}

// TestPicturesAreRecords reads the pixels of pictures, from a folder and from an
// archive.
func TestPicturesAreRecords(t *testing.T) {
	for name, path := range map[string]string{"a folder": folder(t, pets(t)), "an archive": archive(t, pets(t))} {
		t.Run(name, func(t *testing.T) {
			r, err := files.Open([]string{path}, files.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			const config = `{"data_type":"uint8","data_reshape":"2 3 3","label_type":"int32","label_reshape":""}`
			if diff := cmp.Diff(canonical(t, config), canonical(t, string(r.Config()))); diff != "" {
				t.Error(diff)
			}
			if report := strings.Join(r.Report(), "\n"); !strings.Contains(report, "cats 2, dogs 1") || !strings.Contains(report, "notes.txt") {
				t.Error(report)
			}
			x, y := drain(t, r, 18, 1)
			if len(x) != 3 || r.Total() != 3 || !cmp.Equal(r.Classes(), []string{"cats", "dogs"}) {
				t.Fatal(len(x), r.Total(), r.Classes())
			}
			for i := range x {
				want := []float64{200, 10, 20}
				if y[i][0] == 1 {
					want = []float64{0, 0, 254} // as JPEG rounds it
				}
				if !cmp.Equal(x[i][:3], want) || !cmp.Equal(x[i][15:], want) {
					t.Errorf("class %v: %v", y[i], x[i])
				}
			}
		})
	}
}

// TestPicturesSuitTheModel takes sizes and channels from the model.
func TestPicturesSuitTheModel(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 2, 2))
	copy(gray.Pix, []byte{1, 2, 3, 4})
	see := color.NRGBA{100, 100, 100, 128}
	for name, test := range map[string]struct {
		all    map[string]string
		inputs []int
		resize string
		config string
		first  []byte
	}{
		"gray as it is":          {map[string]string{"a/1.png": pngOf(t, gray), "b/1.png": pngOf(t, gray)}, nil, "", "2 2 1", []byte{1, 2, 3, 4}},
		"gray for two axes":      {map[string]string{"a/1.png": pngOf(t, gray), "b/1.png": pngOf(t, gray)}, []int{2, 2}, "", "2 2", []byte{1, 2, 3, 4}},
		"gray for three colors":  {map[string]string{"a/1.png": pngOf(t, gray), "b/1.png": pngOf(t, gray)}, []int{2, 2, 3}, "", "2 2 3", []byte{1, 1, 1, 2, 2, 2}},
		"color for gray":         {map[string]string{"a/1.png": pngOf(t, paint(1, 1, see)), "b/1.png": pngOf(t, paint(1, 1, see))}, []int{1, 1, 1}, "", "1 1 1", []byte{100}},
		"without transparency":   {map[string]string{"a/1.png": pngOf(t, paint(1, 1, see)), "b/1.png": pngOf(t, paint(1, 1, see))}, nil, "", "1 1 3", []byte{100, 100, 100}},
		"with transparency":      {map[string]string{"a/1.png": pngOf(t, paint(1, 1, see)), "b/1.png": pngOf(t, paint(1, 1, see))}, []int{1, 1, 4}, "", "1 1 4", []byte{100, 100, 100, 128}},
		"brought to one size":    {map[string]string{"a/1.png": pngOf(t, paint(8, 4, see)), "b/1.png": pngOf(t, paint(3, 9, see))}, nil, "2x1", "2 1 3", []byte{100, 100, 100, 100, 100, 100}},
		"any size for the model": {map[string]string{"a/1.png": pngOf(t, gray), "b/1.png": pngOf(t, gray)}, []int{-1, -1, 1}, "", "2 2 1", []byte{1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			o := files.Options{Resize: test.resize}
			if test.inputs != nil {
				o.Inputs = []pipeline.Tensor{{Name: "x", DType: "float32", Shape: test.inputs}}
			}
			r, err := files.Open([]string{folder(t, test.all)}, o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if want := fmt.Sprintf(`"data_reshape":"%s"`, test.config); !strings.Contains(string(r.Config()), want) {
				t.Errorf("%s", r.Config())
			}
			_, sample, err := r.Next()
			if err != nil || !bytes.HasPrefix(sample, test.first) {
				t.Errorf("%v, %v", sample, err)
			}
		})
	}
}

func TestPicturesAreRefused(t *testing.T) {
	small, large := pngOf(t, paint(1, 2, color.White)), pngOf(t, paint(2, 2, color.White))
	for name, test := range map[string]struct {
		all          map[string]string
		options      files.Options
		reason, hint string
	}{
		"sizes":         {map[string]string{"a/1.png": small, "b/2.png": large}, files.Options{}, "1x2 (a/1.png), 2x2 (b/2.png)", "--resize"},
		"the model's":   {map[string]string{"a/1.png": small, "b/2.png": small}, files.Options{Inputs: []pipeline.Tensor{{Shape: []int{4, 4, 3}}}}, "the model takes 4x4", "--resize 4x4"},
		"a size":        {map[string]string{"a/1.png": small, "b/2.png": small}, files.Options{Resize: "big"}, `"big" is no size`, "128x128"},
		"a column":      {map[string]string{"a/1.png": small, "b/2.png": small}, files.Options{Label: "y"}, "no columns", "leave the option out"},
		"no classes":    {map[string]string{"1.png": small, "2.png": small}, files.Options{}, "no folder of a class", "--predict"},
		"one class":     {map[string]string{"a/1.png": small, "a/2.png": small}, files.Options{}, "of one folder, a", "for each class"},
		"a stray one":   {map[string]string{"a/1.png": small, "b/2.png": small, "3.png": small}, files.Options{}, "such as 3.png", "take it out"},
		"parts":         {map[string]string{"train/a/1.png": small, "test/a/2.png": small}, files.Options{}, "parts of a data set", "(train)"},
		"a damaged one": {map[string]string{"a/1.png": small[:20], "b/2.png": small}, files.Options{}, "a/1.png is a picture that is damaged", ""},
		"no picture":    {map[string]string{"a/1.png": "", "b/x.gif": "GIF89a"}, files.Options{}, "no pictures of PNG or JPEG", "a folder"},
		"too large":     {map[string]string{"a/1.png": hugePNG(small), "b/2.png": small}, files.Options{}, "too large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{folder(t, test.all), archive(t, test.all)} {
				test.options.As = "images"
				_, err := files.Open([]string{path}, test.options)
				var refused *pipeline.Error
				if !errors.As(err, &refused) || !strings.Contains(refused.Message(), test.reason) || !strings.Contains(refused.Hint, test.hint) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// hugePNG says of a PNG that it is 65,536 pixels wide and high.
func hugePNG(of string) string {
	b := []byte(of)
	copy(b[16:], "\x00\x01\x00\x00\x00\x01\x00\x00")
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return string(b)
}

// TestAPictureThatIsCutIsNamed finds it where its row is read.
func TestAPictureThatIsCutIsNamed(t *testing.T) {
	whole := pngOf(t, paint(9, 9, color.White))
	r, err := files.Open([]string{folder(t, map[string]string{"a/1.png": whole[:len(whole)-20], "b/2.png": whole})}, files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for err == nil {
		_, _, err = r.Next()
	}
	if !strings.Contains(err.Error(), "a/1.png") || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

// TestPicturesToPredict have no label.
func TestPicturesToPredict(t *testing.T) {
	r, err := files.Open([]string{folder(t, map[string]string{"1.png": pngOf(t, paint(1, 1, color.White))})}, files.Options{Only: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	label, sample, err := r.Next()
	if label != nil || !bytes.Equal(sample, []byte{255, 255, 255}) || err != nil {
		t.Error(label, sample, err)
	}
}
