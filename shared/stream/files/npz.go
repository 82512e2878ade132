package files

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The names by which NPZ files call samples and labels, likeliest first.
var (
	sampleNames = []string{"x", "X", "x_train", "X_train", "data", "samples", "images", "features", "arr_0"}
	labelNames  = []string{"y", "Y", "y_train", "Y_train", "label", "labels", "target", "targets", "class", "arr_1"}
)

// openNPZ reads two members of an archive side by side.
func openNPZ(path string, o Options) (source, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, notZip(path, err)
	}
	open := func(name string) (*rows, error) {
		f, err := z.Open(name + ".npy")
		if err != nil {
			return nil, err
		}
		r := &rows{name: name, from: f, close: f.Close}
		if err := r.npyHeader(); err != nil {
			return nil, errors.Join(ofMember("member "+name, err), f.Close())
		}
		return r, nil
	}
	p, err := npzPair(members(&z.Reader), open, o)
	if err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return &archive{p, z}, nil
}

// ofMember is an error of a file within another, or within a folder.
func ofMember(name string, err error) error {
	e := pipeline.Invalidf("file", "%s %v", name, err)
	var of *pipeline.Error
	if errors.As(err, &of) {
		e.Reason, e.Hint = fmt.Sprintf("%s %s", name, of.Message()), of.Hint
	}
	return e
}

func notZip(path string, err error) error {
	from, closer, openErr := openPlain(path)
	if openErr != nil {
		return openErr
	}
	defer func() { _ = closer() }() // it was only read
	start, _ := from.Peek(64)       // a shorter file gives what it has
	if strings.HasPrefix(string(start), "PK") {
		return fmt.Errorf("is an NPZ file that is cut or damaged: %w", err)
	}
	return isNot("an NPZ file (a zip archive of arrays)", start)
}

func members(z *zip.Reader) (names []string) {
	for _, f := range z.File {
		if name, ok := strings.CutSuffix(f.Name, ".npy"); ok {
			names = append(names, name)
		}
	}
	return names
}

// npzPair finds the samples and the labels among the members: by --label, by
// their names, and the samples as the one that is left.
func npzPair(all []string, open func(string) (*rows, error), o Options) (*pair, error) {
	drop := list(o.Drop, all)
	for _, name := range append(list(o.Label, all), drop...) {
		if !slices.Contains(all, name) {
			return nil, pipeline.Invalidf("file", "there is no member %q", name).WithHint("the members are %s", some(all))
		}
	}
	left := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(drop, n) })
	label, labelled := o.Label, o.Label != ""
	if !labelled && !o.Only {
		label, labelled = likely(labelNames, left)
	}
	if labelled {
		left = slices.DeleteFunc(left, func(n string) bool { return n == label })
	}
	sample, ok := likely(sampleNames, left)
	if !ok && len(left) == 1 && (labelled || o.Only) {
		sample, ok = left[0], true
	}
	switch {
	case labelled && ok, o.Only && ok:
		return openMembers(sample, label, open, labelled)
	case labelled && len(left) > 1:
		return nil, pipeline.Invalidf("file", "%s are the labels; which of the other members (%s) are the samples is not clear", label, some(left)).
			WithHint("leave out with --drop all but the samples, as --drop %s", flagText(left[1:]...))
	case labelled:
		return nil, pipeline.Invalidf("file", "holds no member but the labels, %s", label).WithHint("save the samples into the same file: numpy.savez(\"data.npz\", x=x, y=y)")
	case o.Only:
		return nil, pipeline.Invalidf("file", "holds %s: which are the samples is not clear", some(left)).WithHint("leave out the others with --drop, as --drop %s", flagText(left[1:]...))
	case len(left) == 1:
		return nil, pipeline.Invalidf("file", "holds one member, %s: samples without labels, or labels alone", left[0]).WithHint("save both into the file: numpy.savez(\"data.npz\", x=x, y=y)")
	}
	return nil, pipeline.Invalidf("file", "holds %s: which are the samples and the labels is not clear", some(all)).
		WithHint("name the labels' member with --label, as --label %s", flagText(left[len(left)-1]))
}

func likely(names, among []string) (string, bool) {
	for _, n := range names {
		if slices.Contains(among, n) {
			return n, true
		}
	}
	return "", false
}

func openMembers(sample, label string, open func(string) (*rows, error), labelled bool) (*pair, error) {
	x, err := open(sample)
	if err != nil {
		return nil, err
	}
	if !labelled {
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
	*pair
	zip io.Closer
}

func (a *archive) Close() error { return errors.Join(a.pair.Close(), a.zip.Close()) }
