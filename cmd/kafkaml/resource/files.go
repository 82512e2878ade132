package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fetching is one invocation of download.
type fetching struct {
	env        *cli.Env
	format, to string
	force      bool
}

func download(env *cli.Env, k kind[pipeline.Result]) *cobra.Command {
	f, formats := fetching{env: env}, env.Frameworks.Kinds().Formats()
	cmd := &cobra.Command{
		Use: "download RESULT", Short: "Save a trained model", Args: cli.Args("RESULT"),
		Example:           "  " + env.Program + " results download 3 --format keras",
		ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(formats, f.format) {
				return cli.Usagef("--format %q is none of %s", f.format, strings.Join(formats, ", "))
			}
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			if env.AsCurl() {
				id, err := k.id(cmd.Context(), c, args[0])
				if err != nil {
					return err
				}
				return k.printRead(c.Results().URL(fmt.Sprint(id), "model") + "?format=" + f.format)
			}
			r, err := k.find(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return f.save(cmd.Context(), c, r)
		},
	}
	env.CurlFlag(cmd)
	cmd.Flags().StringVar(&f.format, "format", formats[0], "one of "+strings.Join(formats, ", "))
	cmd.Flags().StringVar(&f.to, "to", "", "`FILE` to write; - is standard output (default: the model's name and the result's id)")
	cmd.Flags().BoolVar(&f.force, "force", false, "write over a file that is there")
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("format", cli.Choices(formats...))
	return cmd
}

// save writes beside the file and renames at the end, so that a file under its
// name is whole.
func (f fetching) save(ctx context.Context, c *client.Client, r pipeline.Result) error {
	if f.to == "-" {
		_, err := c.Download(ctx, r.ID, f.format, f.env.Out)
		return err
	}
	file := f.to
	if file == "" {
		format, _ := f.env.Frameworks.Kinds().Format(f.format) // it was checked
		file = fileName(r, format.Extension)
	}
	if _, err := os.Lstat(file); err == nil && !f.force {
		return &pipeline.Error{
			Op: "save model", Kind: pipeline.Conflict, Reason: file + " exists",
			Hint: "--force writes over it, --to names another file",
		}
	}
	n, err := f.write(ctx, c, r, file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.env.Out, "%s  %s\n", file, terminal.Bytes(n))
	return err
}

func (f fetching) write(ctx context.Context, c *client.Client, r pipeline.Result, file string) (n int64, err error) {
	part, err := os.CreateTemp(filepath.Dir(file), ".kafkaml-*")
	if err != nil {
		return 0, &pipeline.Error{Op: "save model", Kind: pipeline.Invalid, Field: "to", Err: err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreAbsent(os.Remove(part.Name())))
		}
	}()
	n, err = c.Download(ctx, r.ID, f.format, part)
	if err := errors.Join(err, part.Chmod(0o644), part.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(part.Name(), file)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// fileName is the model's name, kept to letters that no file system minds, and
// the result's id.
func fileName(r pipeline.Result, extension string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '-'
	}, r.ModelName)
	return fmt.Sprintf("%s-result-%d%s", strings.TrimLeft(name, "-"), r.ID, extension)
}

func logs(env *cli.Env, k kind[pipeline.Result]) *cobra.Command {
	return &cobra.Command{
		Use: "logs RESULT", Short: "Print what a training process logged", Args: cli.Args("RESULT"),
		ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			id, err := k.id(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			var text strings.Builder
			if err := c.Logs(cmd.Context(), id, &text); err != nil {
				return err
			}
			_, err = io.WriteString(env.Out, terminal.PlainText(text.String()))
			return err
		},
	}
}
