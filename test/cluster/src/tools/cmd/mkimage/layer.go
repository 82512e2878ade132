package main

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// layerWriter writes one layer's tar. Every file belongs to root and has no
// time, so that the same files make the same bytes.
type layerWriter struct {
	t    *tar.Writer
	dirs map[string]bool
}

// writeLayer writes the files and folders named as SRC=DST. A SRC may leave
// files out: SRC=DST=-PATTERN,... holds patterns of base names, or of
// paths below SRC.
func writeLayer(out string, args []string) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := &layerWriter{tar.NewWriter(f), map[string]bool{}}
	if err := w.dir("/tmp", 0o1777); err != nil {
		return err
	}
	sort.Strings(args)
	for _, a := range args {
		parts := strings.SplitN(a, "=", 3)
		if len(parts) < 2 {
			return fmt.Errorf("%q is not SRC=DST", a)
		}
		var without []string
		if len(parts) == 3 {
			without = strings.Split(strings.TrimPrefix(parts[2], "-"), ",")
		}
		if err := w.add(parts[0], parts[1], without); err != nil {
			return err
		}
	}
	if err := w.t.Close(); err != nil {
		return err
	}
	return f.Close()
}

// add writes a file, or a folder with all that is in it.
func (w *layerWriter) add(src, dst string, without []string) error {
	st, err := os.Stat(src)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return w.file(src, dst)
	}
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		if leftOut(rel, without) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		to := path.Join(dst, rel)
		switch {
		case d.IsDir():
			return w.dir(to, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			return w.link(p, to)
		case d.Type().IsRegular():
			return w.file(p, to)
		}
		return nil
	})
}

// leftOut reports whether one of the patterns names the file: by its path below
// the folder where the pattern has a slash, else by its base name.
func leftOut(rel string, patterns []string) bool {
	for _, pattern := range patterns {
		name := rel
		if !strings.Contains(pattern, "/") {
			name = path.Base(rel)
		}
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

func (w *layerWriter) parents(p string) error {
	if d := path.Dir(p); d != "/" {
		return w.dir(d, 0o755)
	}
	return nil
}

func (w *layerWriter) dir(p string, mode int64) error {
	if p == "/" || w.dirs[p] {
		return nil
	}
	if err := w.parents(p); err != nil {
		return err
	}
	w.dirs[p] = true
	return w.t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(p, "/") + "/", Mode: mode})
}

func (w *layerWriter) link(src, dst string) error {
	to, err := os.Readlink(src)
	if err != nil {
		return err
	}
	if err := w.parents(dst); err != nil {
		return err
	}
	return w.t.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(dst, "/"), Linkname: to, Mode: 0o777})
}

func (w *layerWriter) file(src, dst string) error {
	if err := w.parents(dst); err != nil {
		return err
	}
	st, err := os.Stat(src)
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if st.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if err := w.t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(dst, "/"), Mode: mode, Size: st.Size()}); err != nil {
		return err
	}
	return copyFile(w.t, src)
}
