package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
)

const cliDocument = "../../docs/cli.md"

// docs/cli.md is a preface by hand and, after the mark, what the commands say
// of themselves.
const mark = "<!-- From here on written by: go test ./cmd/kafkaml -run TestDocument -update -->\n"

func TestDocument(t *testing.T) {
	t.Setenv("HOME", "~") // the default of a folder below it is the same everywhere
	old, err := os.ReadFile(cliDocument)
	if err != nil {
		t.Fatal(err)
	}
	preface, written, found := strings.Cut(string(old), mark)
	if !found {
		t.Fatalf("%s has no mark", cliDocument)
	}
	env := &cli.Env{Program: "kafkaml", Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}
	var b strings.Builder
	root := newRoot(env)
	each(root, func(c *cobra.Command) {
		if c != root && c.Name() != "completion" && c.Name() != "help" && (c.Parent() == nil || c.Parent().Name() != "completion") {
			document(&b, c)
		}
	})
	if *update {
		if err := os.WriteFile(cliDocument, []byte(preface+mark+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(written, b.String()); diff != "" {
		t.Errorf("docs/cli.md is behind the commands (-update writes it anew):\n%s", diff)
	}
}

func document(b *strings.Builder, c *cobra.Command) {
	level := "###"
	if c.Parent().Parent() == nil {
		level = "##"
	}
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "\n%s %s\n\n%s\n", level, c.CommandPath(), text)
	if c.HasAvailableSubCommands() {
		return
	}
	fmt.Fprintf(b, "\n```\n%s\n", c.UseLine())
	if flags := c.NonInheritedFlags().FlagUsages(); flags != "" {
		fmt.Fprintf(b, "\n%s", flags)
	}
	b.WriteString("```\n")
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
	}
}
