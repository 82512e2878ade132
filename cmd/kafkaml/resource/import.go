package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// importModel makes the command that keeps a model that was trained elsewhere.
func importModel(env *cli.Env) *cobra.Command {
	var form pipeline.ImportForm
	var file string
	cmd := &cobra.Command{
		Use: "import", Short: "Keep a model that was trained elsewhere, to be served", Args: cli.Args(),
		Long: "Keeps a trained model: an .onnx file, a .keras file, or a .zip of a SavedModel's folder.\n" +
			"It can be served at once; one of a .keras file that was compiled can also be trained on.",
		Example: "  " + env.Program + " models import -f iris.onnx",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return cli.Usagef("missing -f: the file of the model")
			}
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			if form.File = filepath.Base(file); file == "-" {
				form.File = ""
			}
			if env.AsCurl() {
				_, err := fmt.Fprintf(env.Out, "curl -sS --data-binary @%s %s\n", terminal.Quote(file), terminal.Quote(c.ImportURL(form)))
				return err
			}
			made, err := sendImport(cmd.Context(), env, c, form, file)
			if err != nil {
				return err
			}
			return env.Print(made, "model/"+made.Model.Name, func(w io.Writer) error { return saysImported(env, w, made) })
		},
	}
	env.CommandFlags(cmd)
	cmd.Flags().StringVarP(&file, "file", "f", "", "`FILE` of the model; - is standard input")
	cmd.Flags().StringVar(&form.Name, "name", "", "`NAME` of the model, unique (default: that of the file)")
	cmd.Flags().StringVar(&form.Description, "description", "", "`TEXT` for people")
	return cmd
}

// sendImport sends a file, or what comes in.
func sendImport(ctx context.Context, env *cli.Env, c *client.Client, form pipeline.ImportForm, file string) (made pipeline.ImportedModel, err error) {
	if file == "-" {
		return c.ImportModel(ctx, form, env.In, -1, env.ID())
	}
	f, err := os.Open(file) // #nosec G304 -- the person's own
	if err != nil {
		return made, &pipeline.Error{Op: "import model", Kind: pipeline.Invalid, Field: "file", Err: err}
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return made, &pipeline.Error{Op: "import model", Kind: pipeline.Invalid, Field: "file", Err: err}
	}
	if info.IsDir() {
		return made, (&pipeline.Error{Op: "import model", Kind: pipeline.Invalid, Field: "file", Reason: file + " is a folder"}).
			WithHint("zip it first: (cd %s && zip -qr ../model.zip .)", file)
	}
	return c.ImportModel(ctx, form, f, info.Size(), env.ID())
}

// saysImported tells what was made, and what to do with it.
func saysImported(env *cli.Env, w io.Writer, made pipeline.ImportedModel) error {
	m := made.Model
	_, err := fmt.Fprintf(w, "model %s imported (%s, %s): result %d, served by %s\n", terminal.Plain(m.Name), m.Imported.Format, terminal.Bytes(m.Imported.Bytes), made.Result.ID, made.Result.Serving.Engine)
	if err != nil {
		return err
	}
	if err := showExport(w, m.Export); err != nil {
		return err
	}
	env.Note("%s inferences create --result %d --input-format JSON --input-topic in --output-topic out   serves it", env.Program, made.Result.ID)
	return nil
}
