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
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fetching is one invocation of download.
type fetching struct {
	env     *cli.Env
	key     pipeline.FormatKey
	format  framework.Format // of key
	samples int
	to      string
	force   bool
}

// check completes and checks what the flags say.
func (f *fetching) check(quantize string) error {
	kinds := f.env.Frameworks.Kinds()
	formats := kinds.Formats()
	f.key.Quantize = pipeline.Quantize(quantize)
	var known bool
	if f.format, known = kinds.Format(f.key.Name); !known || !slices.Contains(formats, f.key.Name) {
		return cli.Usagef("--format %q is none of %s", f.key.Name, strings.Join(formats, ", "))
	}
	switch {
	case !slices.Contains(pipeline.Quantizes(), f.key.Quantize):
		return cli.Usagef("--quantize %q is neither %s nor %s", quantize, pipeline.QuantizeFloat16, pipeline.QuantizeInt8)
	case quantize != "" && !f.format.Made:
		return cli.Usagef("--quantize is for %s and %s: %s is kept as it was trained", pipeline.TFLite, pipeline.TFLiteC, f.key.Name)
	case f.samples != 0 && f.key.Quantize != pipeline.QuantizeInt8:
		return cli.Usagef("--samples is for --quantize %s, which takes the ranges of values from them", pipeline.QuantizeInt8)
	case f.samples < 0:
		return cli.Usagef("--samples is a number of records")
	}
	return nil
}

// made has the model converted where it is not kept as asked.
func (f *fetching) made(ctx context.Context, c *client.Client, r pipeline.Result) error {
	if !f.format.Made {
		return nil
	}
	form := pipeline.ConversionForm{Format: f.key.Name, Quantize: f.key.Quantize, Samples: f.samples}
	kept, _ := r.Format(f.key)
	if kept.Size == 0 || f.samples != 0 && kept.Samples != f.samples {
		r, err := convert(ctx, f.env, c, r, form)
		if err != nil {
			return err
		}
		kept, _ = r.Format(f.key)
	}
	for _, said := range append([]string{costs(kept)}, kept.Notes...) {
		if said != "" {
			f.env.Note("%s: %s", f.key, terminal.Plain(said))
		}
	}
	return nil
}

func download(env *cli.Env, k kind[pipeline.Result]) *cobra.Command {
	f, formats, quantize := fetching{env: env}, env.Frameworks.Kinds().Formats(), ""
	cmd := &cobra.Command{
		Use: "download RESULT", Short: "Save a trained model", Args: cli.Args("RESULT"),
		Example:           "  " + env.Program + " results download 3 --format keras\n  " + env.Program + " results download 3 --format tflite --quantize int8 --samples 100",
		ValidArgsFunction: cli.First(k.complete()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(quantize); err != nil {
				return err
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
				return k.printRead(c.ModelURL(id, f.key))
			}
			r, err := k.find(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if err := f.made(cmd.Context(), c, r); err != nil {
				return err
			}
			return f.save(cmd.Context(), c, r)
		},
	}
	env.CurlFlag(cmd)
	cmd.Flags().StringVar(&f.key.Name, "format", formats[0], "one of "+strings.Join(formats, ", ")+"; tflite and tflite-c, an array for C, are made at the first download and kept")
	cmd.Flags().StringVar(&quantize, "quantize", "", "numbers of a tflite: float16, or int8 for all of them (default: as trained)")
	cmd.Flags().IntVar(&f.samples, "samples", 0, fmt.Sprintf("`RECORDS` of the result's stream that int8 takes the ranges of values from (default: %d)", pipeline.DefaultSamples))
	cmd.Flags().StringVar(&f.to, "to", "", "`FILE` to write; - is standard output (default: the model's name and the result's id)")
	cmd.Flags().BoolVar(&f.force, "force", false, "write over a file that is there")
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("format", cli.Choices(formats...))
	_ = cmd.RegisterFlagCompletionFunc("quantize", cli.Choices(string(pipeline.QuantizeFloat16), string(pipeline.QuantizeInt8)))
	return cmd
}

// save writes beside the file and renames at the end, so that a file under its
// name is whole.
func (f fetching) save(ctx context.Context, c *client.Client, r pipeline.Result) error {
	if f.to == "-" {
		_, err := c.Download(ctx, r.ID, f.key, f.env.Out)
		return err
	}
	file := f.to
	if file == "" {
		file = fileName(r, f.format.Extension)
		if f.key.Quantize != pipeline.NotQuantized {
			file = fileName(r, "-"+string(f.key.Quantize)+f.format.Extension)
		}
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
	n, err = c.Download(ctx, r.ID, f.key, part)
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
