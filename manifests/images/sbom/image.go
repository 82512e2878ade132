package main

import (
	"archive/tar"
	"bufio"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
)

// image is what the tar of an image says about it.
type image struct {
	name, digest string
	bytes        int64                  // of its layers
	packages     map[string][]component // by the file that lists them
	libraries    []string               // shared libraries of the system, by path
}

// index and manifest are what is read of OCI's documents.
type index struct {
	Manifests []struct {
		Digest      string            `json:"digest"`
		Annotations map[string]string `json:"annotations"`
	} `json:"manifests"`
}

type manifest struct {
	Layers []struct {
		Digest    string `json:"digest"`
		MediaType string `json:"mediaType"`
		Size      int64  `json:"size"`
	} `json:"layers"`
}

// readImage reads an OCI layout in a tar whose layers are not compressed.
func readImage(f *os.File) (image, error) {
	blobs, err := entries(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return image{}, err
	}
	i := image{packages: map[string][]component{}}
	var x index
	if err := readJSON(blobs, "index.json", &x); err != nil {
		return i, err
	}
	if len(x.Manifests) != 1 {
		return i, fmt.Errorf("index.json names %d images, not one", len(x.Manifests))
	}
	i.name, i.digest = x.Manifests[0].Annotations["org.opencontainers.image.ref.name"], x.Manifests[0].Digest
	var m manifest
	if err := readJSON(blobs, blobPath(i.digest), &m); err != nil {
		return i, err
	}
	for _, l := range m.Layers {
		blob := blobs[blobPath(l.Digest)]
		if blob == nil || l.MediaType != "application/vnd.oci.image.layer.v1.tar" {
			return i, fmt.Errorf("layer %s (%s) is absent or compressed", l.Digest, l.MediaType)
		}
		i.bytes += l.Size
		if err := i.readLayer(blob); err != nil {
			return i, fmt.Errorf("layer %s: %w", l.Digest, err)
		}
	}
	return i, nil
}

func blobPath(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func readJSON(blobs map[string]*io.SectionReader, name string, v any) error {
	b := blobs[name]
	if b == nil {
		return fmt.Errorf("%s is absent: it is no OCI layout", name)
	}
	return json.NewDecoder(b).Decode(v)
}

// entries finds the regular files of a tar. A tar reader reads neither ahead
// nor back, so where it stands is where the file's bytes begin.
func entries(r *io.SectionReader) (map[string]*io.SectionReader, error) {
	found := map[string]*io.SectionReader{}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		at, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeReg {
			found[h.Name] = io.NewSectionReader(r, at, h.Size)
		}
	}
}

var (
	distInfo = regexp.MustCompile(`\.dist-info/METADATA$`)
	library  = regexp.MustCompile(`^(usr/)?lib(64)?/.*\.so(\.[0-9.]+)?$`)
)

// readLayer reads the files that say what is installed.
func (i *image) readLayer(layer *io.SectionReader) error {
	files, err := entries(layer)
	if err != nil {
		return err
	}
	for name, f := range files {
		where := "/" + name
		switch {
		case distInfo.MatchString(name):
			c, err := pythonPackage(f)
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			i.packages[where] = append(i.packages[where], c)
		case strings.HasPrefix(name, "usr/local/bin/"):
			modules, err := goModules(f)
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			i.packages[where] = append(i.packages[where], modules...)
		case library.MatchString(name) || strings.HasPrefix(name, "usr/bin/"):
			i.libraries = append(i.libraries, where)
		}
	}
	return nil
}

// goModules reads what a Go program was built of.
func goModules(f *io.SectionReader) ([]component, error) {
	info, err := buildinfo.Read(f)
	if err != nil {
		return nil, err
	}
	found := []component{{Type: "library", Name: "stdlib", Version: info.GoVersion, PURL: "pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		found = append(found, component{Type: "library", Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version})
	}
	return append(found, component{Type: "application", Name: info.Main.Path, Version: info.Main.Version, PURL: "pkg:golang/" + info.Main.Path + "@" + info.Main.Version}), nil
}

// pythonPackage reads the metadata that pip leaves of a package.
func pythonPackage(f io.Reader) (component, error) {
	h, err := textproto.NewReader(bufio.NewReader(f)).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return component{}, err
	}
	name, version := h.Get("Name"), h.Get("Version")
	if name == "" || version == "" {
		return component{}, errors.New("it has no name and version")
	}
	c := component{Type: "library", Name: name, Version: version, PURL: "pkg:pypi/" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + "@" + version}
	l := h.Get("License-Expression")
	if l == "" {
		l = h.Get("License")
	}
	if l, _, _ = strings.Cut(l, "\n"); l != "" && len(l) < 80 {
		c.Licenses = make([]license, 1)
		c.Licenses[0].License.Name = l
	}
	return c, nil
}

// debianOwners asks dpkg, where there is one, which packages files are from.
func debianOwners(ctx context.Context, files []string) map[string]component {
	owners := map[string]component{}
	for _, file := range files {
		name := owner(ctx, file)
		if name == "" {
			continue
		}
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}", name).Output() // #nosec G204 -- a name that dpkg has just given
		if fields := strings.Fields(string(out)); err == nil && len(fields) == 3 {
			owners[file] = component{
				Type: "library", Name: fields[0], Version: fields[1],
				PURL: fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", fields[0], fields[1], fields[2]),
			}
		}
	}
	return owners
}

// owner is the Debian package of a file. The package may know it below /usr, or
// under a name that links to it.
func owner(ctx context.Context, file string) string {
	for _, p := range []string{file, "/usr" + file, strings.TrimPrefix(file, "/usr")} {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-S", p).Output() // #nosec G204 -- a path in an image of ours
		if name, _, ok := strings.Cut(string(out), ": "); err == nil && ok && path.IsAbs(p) {
			return name
		}
	}
	return ""
}
