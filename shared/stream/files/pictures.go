package files

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// pictures are PNG and JPEG files in a folder for each class, or a zip archive
// of those: records of their pixels, uint8 of the shape [height, width,
// channels]. The classes are numbered as the folders stand in the alphabet,
// which is how Keras numbers them.
type pictures struct {
	in       fs.FS
	closer   io.Closer // of an archive
	all      []pictureFile
	classes  []string // nil: samples only
	counts   []int    // pictures by class
	size     dimensions
	channels int
	rank     int // of the shape: 2 leaves the one channel out
	resized  bool
	left     []string // files that are no pictures
	alpha    string   // a picture whose transparency is left out
	done     int
	label    [4]byte
	pixels   []byte
}

// pictureFile is one file.
type pictureFile struct {
	path  string
	class int
}

// dimensions are those of a picture.
type dimensions struct{ height, width int }

func (s dimensions) String() string { return fmt.Sprintf("%dx%d", s.height, s.width) }

func openPictures(path string, o Options) (source, error) {
	if o.Label != "" || o.Drop != "" || o.Text != "" {
		return nil, pipeline.Invalidf("file", "pictures have no columns that --label, --drop or --text could name").WithHint("the folder of a picture is its label: leave the option out")
	}
	in, closer, err := pictureFiles(path)
	if err != nil {
		return nil, err
	}
	p := &pictures{in: in, closer: closer}
	if err := p.begin(path, o); err != nil {
		_ = p.Close() // it was only read
		return nil, err
	}
	return p, nil
}

func (p *pictures) begin(path string, o Options) error {
	found, err := p.find()
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return pipeline.Invalidf("file", "holds no pictures of PNG or JPEG").WithHint("name a folder that holds one of pictures for each class, or a zip archive of it")
	}
	if err := p.classify(found, o.Only); err != nil {
		return err
	}
	if err := p.measure(o); err != nil {
		return err
	}
	order := rand.New(rand.NewPCG(0, 0)) // #nosec G404 -- the same order each time is what is wanted
	order.Shuffle(len(p.all), func(i, j int) { p.all[i], p.all[j] = p.all[j], p.all[i] })
	p.pixels = make([]byte, p.size.height*p.size.width*p.channels)
	return nil
}

// classify makes classes of the folders below the one that holds all.
func (p *pictures) classify(paths []string, only bool) error {
	top := common(paths)
	var stray []string
	for _, path := range paths {
		folder, _, within := strings.Cut(strings.TrimPrefix(path, top), "/")
		switch {
		case !within:
			stray = append(stray, path)
		case !slices.Contains(p.classes, folder):
			p.classes = append(p.classes, folder)
		}
		p.all = append(p.all, pictureFile{path: path})
	}
	slices.Sort(p.classes)
	if only {
		p.classes = nil
		return nil
	}
	if err := noClassFolders(p.classes, stray, top); err != nil {
		return err
	}
	p.counts = make([]int, len(p.classes))
	for i := range p.all {
		folder, _, _ := strings.Cut(strings.TrimPrefix(p.all[i].path, top), "/")
		p.all[i].class, _ = slices.BinarySearch(p.classes, folder)
		p.counts[p.all[i].class]++
	}
	return nil
}

// noClassFolders refuses pictures whose folders are no classes.
func noClassFolders(classes, stray []string, top string) error {
	splits := []string{"train", "training", "test", "testing", "val", "valid", "validation"}
	switch {
	case len(classes) == 0 && top != "":
		return pipeline.Invalidf("file", "holds pictures of one folder, %s, and the folder of a picture is its class", strings.TrimSuffix(top, "/")).
			WithHint("put them into a folder for each class; or send them to predict (--predict)")
	case len(classes) == 0:
		return pipeline.Invalidf("file", "holds pictures that are in no folder of a class, such as %s", stray[0]).
			WithHint("put them into a folder for each class; or send them to predict (--predict)")
	case len(stray) > 0:
		return pipeline.Invalidf("file", "holds %d pictures that are in no folder of a class, such as %s", len(stray), stray[0]).
			WithHint("put each into the folder of its class, or take it out")
	case len(classes) > 1 && !slices.ContainsFunc(classes, func(c string) bool { return !slices.Contains(splits, strings.ToLower(c)) }):
		return pipeline.Invalidf("file", "holds the folders %s, which are parts of a data set and no classes", some(classes)).
			WithHint("name the one to train on (%s); --test-rate and --validation-rate divide it", classes[len(classes)-1])
	case len(classes) > maxClasses:
		return pipeline.Invalidf("file", "holds %d folders, at most %d can be classes", len(classes), maxClasses)
	}
	return nil
}

// common is the folder that all paths lie in, with its slash, of those that hold
// nothing but one folder.
func common(paths []string) string {
	top := ""
	for {
		folder, _, within := strings.Cut(paths[0][len(top):], "/")
		below := top + folder + "/"
		if !within || slices.ContainsFunc(paths, func(path string) bool { return !strings.HasPrefix(path, below) }) {
			return top
		}
		top = below
	}
}

func (p *pictures) layout() layout {
	shape := []int{p.size.height, p.size.width, p.channels}[:p.rank]
	l := layout{suits: pipeline.RAW, sample: array{dtype: codec.Uint8, shape: shape}, classes: p.classes, total: int64(len(p.all))}
	if p.classes != nil {
		l.label = &array{dtype: codec.Int32}
	}
	return l
}

func (p *pictures) next() (label, sample codec.Array, err error) {
	if p.done == len(p.all) {
		return label, sample, io.EOF
	}
	of := p.all[p.done]
	p.done++
	if err := p.decode(of.path); err != nil {
		return label, sample, ofMember(of.path, err)
	}
	p.label = [4]byte{byte(of.class), byte(of.class >> 8), byte(of.class >> 16)}
	return codec.Array{DType: codec.Int32, Data: p.label[:]}, codec.Array{DType: codec.Uint8, Data: p.pixels}, nil
}

func (p *pictures) at() place { return place{row: int64(p.done)} }

func (p *pictures) report() []string {
	sample := fmt.Sprintf("sample: pixels of %d pictures, %s of %d channels, in a shuffled order that is the same each time", len(p.all), p.size, p.channels)
	if p.resized {
		sample += "; brought to one size, bilinear"
	}
	notes := []string{sample}
	if p.classes != nil {
		counts := make([]string, len(p.classes))
		for i, c := range p.classes {
			counts[i] = fmt.Sprintf("%s %d", c, p.counts[i])
		}
		notes = append(notes, "label: the folder: "+some(counts))
	}
	if len(p.classes) == 1 {
		notes = append(notes, "warning: there is one class: nothing can be learnt from it")
	}
	if n := len(p.left); n > 0 {
		notes = append(notes, fmt.Sprintf("left out: %s%s, which is no picture of PNG or JPEG", p.left[0], andMore(int64(n-1))))
	}
	if p.alpha != "" {
		notes = append(notes, fmt.Sprintf("left out: the transparency of pictures, such as %s", p.alpha))
	}
	return notes
}

func (p *pictures) Close() error {
	if p.closer == nil {
		return nil
	}
	return p.closer.Close()
}
