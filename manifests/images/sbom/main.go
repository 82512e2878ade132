// Sbom writes what an image is made of, as CycloneDX 1.6 JSON:
//
//	sbom IMAGE.tar ... > one document for each image, beside it as IMAGE.cdx.json
//
// It reads the finished OCI tar, not what went into it: the modules of Go
// programs from their own build information, Python packages from their
// metadata, and shared libraries by the Debian package that this machine has
// them from. The same image makes the same document.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: sbom IMAGE.tar ...")
		os.Exit(2)
	}
	for _, path := range os.Args[1:] {
		if err := describe(context.Background(), path, strings.TrimSuffix(path, ".tar")+".cdx.json"); err != nil {
			fmt.Fprintln(os.Stderr, "sbom:", err)
			os.Exit(1)
		}
	}
}

// describe writes the document of the image in one file to another.
func describe(ctx context.Context, image, to string) error {
	f, err := os.Open(image) // #nosec G304 -- the caller's own file
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	i, err := readImage(f)
	if err != nil {
		return fmt.Errorf("%s: %w", image, err)
	}
	d := document(i, debianOwners(ctx, i.libraries))
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(text, '\n'), 0o644) // #nosec G306 -- for everybody to read
}

// bom is a CycloneDX document, https://cyclonedx.org/docs/1.6/json.
type bom struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitempty"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Licenses   []license  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type license struct {
	License struct {
		Name string `json:"name"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// document lists the components of an image, each once, by name. owners gives
// the Debian package of a shared library.
func document(i image, owners map[string]component) bom {
	all := map[string]component{}
	add := func(c component, where string) {
		c.Ref = c.PURL
		if known, ok := all[c.PURL]; ok {
			c = known
		}
		c.Properties = append(c.Properties, property{"kafkaml:file", where})
		all[c.PURL] = c
	}
	for where, found := range i.packages {
		for _, c := range found {
			add(c, where)
		}
	}
	for _, where := range i.libraries {
		c, ok := owners[where]
		if !ok {
			c = component{Type: "file", Name: where, PURL: "pkg:generic/" + strings.TrimPrefix(where, "/")}
		}
		add(c, where)
	}
	b := bom{Format: "CycloneDX", SpecVersion: "1.6", Version: 1}
	b.Metadata.Component = component{
		Type: "container", Name: i.name, Version: i.digest, Properties: []property{{"kafkaml:bytes", fmt.Sprint(i.bytes)}},
	}
	for _, c := range all {
		slices.SortFunc(c.Properties, func(a, b property) int { return strings.Compare(a.Value, b.Value) })
		b.Components = append(b.Components, c)
	}
	slices.SortFunc(b.Components, func(a, b component) int { return strings.Compare(a.PURL, b.PURL) })
	return b
}
