// mkimage writes an OCI image as a tar file that "ctr images import" reads, and
// the layers that images share.
//
//	mkimage -layer base.layer SRC=DST ...
//	mkimage -name dev.local/hello:e2e -o hello.tar -entrypoint /hello [-base base.layer,...] hello=/hello ...
//
// The same files make the same bytes, so that a layer has one digest wherever
// it is made.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	layerOnly := flag.String("layer", "", "layer to write, instead of an image")
	var i image
	flag.StringVar(&i.name, "name", "", "image reference")
	flag.StringVar(&i.out, "o", "", "tar file to write")
	flag.StringVar(&i.entry, "entrypoint", "", "entrypoint words, separated by spaces")
	flag.StringVar(&i.user, "user", "65532:65532", "user and group")
	flag.StringVar(&i.env, "env", "PATH=/usr/local/bin:/usr/bin:/bin", "comma-separated NAME=VALUE")
	base := flag.String("base", "", "comma-separated layers below the image's own")
	flag.Parse()
	var err error
	switch {
	case flag.NArg() == 0, *layerOnly == "" && (i.name == "" || i.out == ""):
		flag.Usage()
		os.Exit(2)
	case *layerOnly != "":
		err = writeLayer(*layerOnly, flag.Args())
	default:
		err = i.write(*base, flag.Args())
	}
	if err != nil {
		log.Fatal(err)
	}
}

// image is what is known of an image beside its files.
type image struct{ name, out, entry, user, env string }

// layer is a layer's file and the digest of its bytes.
type layer struct {
	path, digest string
	size         int64
}

func (i image) write(base string, files []string) error {
	own := i.out + ".layer"
	if err := writeLayer(own, files); err != nil {
		return err
	}
	defer os.Remove(own)
	var layers []layer
	for _, path := range append(strings.FieldsFunc(base, func(r rune) bool { return r == ',' }), own) {
		l, err := readLayer(path)
		if err != nil {
			return err
		}
		layers = append(layers, l)
	}
	index, manifest, config, err := i.describe(layers)
	if err != nil {
		return err
	}
	part := i.out + ".part"
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	if err := writeLayout(f, layers, index, manifest, config); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(part, i.out)
}

// readLayer hashes a layer's file.
func readLayer(path string) (layer, error) {
	f, err := os.Open(path)
	if err != nil {
		return layer{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return layer{path, fmt.Sprintf("sha256:%x", h.Sum(nil)), n}, err
}

// describe gives the three JSON documents of an OCI image.
func (i image) describe(layers []layer) (index, manifest, config []byte, err error) {
	var diffs []string
	var blobs []any
	for _, l := range layers {
		diffs = append(diffs, l.digest)
		blobs = append(blobs, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": l.digest, "size": l.size})
	}
	config, err = json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": strings.Fields(i.entry), "User": i.user, "Env": strings.Split(i.env, ","), "WorkingDir": "/"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return nil, nil, nil, err
	}
	manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": descriptor("application/vnd.oci.image.config.v1+json", config), "layers": blobs,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	d := descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
	d["annotations"] = map[string]string{"io.containerd.image.name": i.name, "org.opencontainers.image.ref.name": i.name}
	d["platform"] = map[string]string{"architecture": runtime.GOARCH, "os": "linux"}
	index, err = json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{d}})
	return index, manifest, config, err
}

func descriptor(mediaType string, b []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": fmt.Sprintf("sha256:%x", sha256.Sum256(b)), "size": len(b)}
}

// writeLayout writes an OCI image layout as a tar.
func writeLayout(w io.Writer, layers []layer, index, manifest, config []byte) error {
	t := tar.NewWriter(w)
	blob := func(b []byte) string { return fmt.Sprintf("blobs/sha256/%x", sha256.Sum256(b)) }
	for _, f := range []struct {
		name string
		b    []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blob(manifest), manifest},
		{blob(config), config},
	} {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.b))}); err != nil {
			return err
		}
		if _, err := t.Write(f.b); err != nil {
			return err
		}
	}
	for _, l := range layers {
		name := filepath.Join("blobs/sha256", strings.TrimPrefix(l.digest, "sha256:"))
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: l.size}); err != nil {
			return err
		}
		if err := copyFile(t, l.path); err != nil {
			return err
		}
	}
	return t.Close()
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
