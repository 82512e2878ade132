package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tarOf packs files as an image's layers and layouts are packed.
func tarOf(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// layout writes an image of one layer of a media type to a file.
func layout(t *testing.T, layer []byte, mediaType string) string {
	t.Helper()
	m, err := json.Marshal(map[string]any{"layers": []any{map[string]any{"mediaType": mediaType, "digest": digest(layer), "size": len(layer)}}})
	if err != nil {
		t.Fatal(err)
	}
	x, err := json.Marshal(map[string]any{"manifests": []any{map[string]any{
		"digest": digest(m), "annotations": map[string]string{"org.opencontainers.image.ref.name": "an/image:1"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	text := tarOf(t, map[string][]byte{"index.json": x, blobPath(digest(m)): m, blobPath(digest(layer)): layer})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const uncompressed = "application/vnd.oci.image.layer.v1.tar"

// The document names what lies in the layers: this very program as a Go
// program, a Python package, and a library that no package manager knows.
func TestDescribe(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self) // #nosec G304 -- this test
	if err != nil {
		t.Fatal(err)
	}
	layer := tarOf(t, map[string][]byte{
		"usr/local/bin/program":                  program,
		"opt/site/some_thing.dist-info/METADATA": []byte("Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.2\nLicense-Expression: Apache-2.0\n\nText: not a header\n"),
		"usr/lib/libof-nobody.so.1":              []byte("ELF"),
		"opt/site/data.txt":                      []byte("not listed"),
	})
	image := layout(t, layer, uncompressed)
	to := strings.TrimSuffix(image, ".tar") + ".cdx.json"
	if err := describe(t.Context(), image, to); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(to) // #nosec G304 -- just written
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.Name != "an/image:1" || !strings.HasPrefix(b.Metadata.Component.Version, "sha256:") {
		t.Errorf("%+v", b.Metadata)
	}
	found := map[string]component{}
	for _, c := range b.Components {
		found[c.PURL] = c
	}
	if c := found["pkg:pypi/some-thing@1.2"]; c.Name != "Some_Thing" || len(c.Licenses) != 1 || c.Licenses[0].License.Name != "Apache-2.0" {
		t.Errorf("the Python package: %+v", c)
	}
	if c := found["pkg:generic/usr/lib/libof-nobody.so.1"]; c.Type != "file" {
		t.Errorf("the library: %+v", c)
	}
	goFound := false
	for purl := range found {
		goFound = goFound || strings.HasPrefix(purl, "pkg:golang/stdlib@1.")
	}
	if !goFound || strings.Contains(string(text), "data.txt") {
		t.Errorf("the document lists %d components: %s", len(b.Components), text)
	}
}

func TestDescribeRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.tar")
	if err := os.WriteFile(empty, tarOf(t, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ image, want string }{
		"no layout":                {empty, "no OCI layout"},
		"a compressed layer":       {layout(t, tarOf(t, nil), uncompressed+"+gzip"), "compressed"},
		"a program that is no Go":  {layout(t, tarOf(t, map[string][]byte{"usr/local/bin/sh": []byte("#!/bin/sh")}), uncompressed), "/usr/local/bin/sh"},
		"a package without a name": {layout(t, tarOf(t, map[string][]byte{"x.dist-info/METADATA": []byte("Version: 1\n\n")}), uncompressed), "no name"},
	} {
		t.Run(name, func(t *testing.T) {
			err := describe(t.Context(), c.image, filepath.Join(t.TempDir(), "out.json"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
