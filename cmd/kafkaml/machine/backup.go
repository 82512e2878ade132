package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/backup"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/version"
)

// stores are where an installation's state is, as the flags say.
type stores struct{ data, database, artifacts string }

func (s *stores) flags(cmd *cobra.Command, env *cli.Env) {
	f := cmd.Flags()
	f.StringVar(&s.data, "data", or(env.Getenv("KAFKAML_DATA"), defaultData()), "folder of a kafkaml run (KAFKAML_DATA)")
	storeFlags(f, env.Getenv, &s.database, &s.artifacts)
	env.OutputFlag(cmd)
}

// open opens both by the registry's opener; close closes them.
func (s *stores) open(ctx context.Context, by func(context.Context, string) (*registry.Store, error)) (opened backup.Stores, close func() error, err error) {
	data, err := filepath.Abs(s.data)
	if err != nil {
		return opened, nil, err
	}
	database, artifacts := functions.Stores(data, s.database, s.artifacts)
	if opened.Registry, err = by(ctx, database); err != nil {
		return opened, nil, err
	}
	if opened.Artifacts, err = artifact.Open(ctx, artifacts); err != nil {
		return opened, nil, errors.Join(err, opened.Registry.Close())
	}
	return opened, func() error { return errors.Join(opened.Artifacts.Close(), opened.Registry.Close()) }, nil
}

// BackupCommand is kafkaml backup.
func BackupCommand(env *cli.Env) *cobra.Command {
	s := &stores{}
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write the registry and all models to a file, while kafkaml runs", Args: cli.Args("FILE"),
		Long: `Writes the registry and the artifacts that it names to one tar file, of one moment,
while kafkaml runs. FILE must not be there yet; it is there once the backup is whole.
In a folder the backup gets a name with its time. - is standard output, where the end
of the file says whether it is whole.

The file holds secrets: hashed tokens are not in it, but the key by which trainings and
functions know each other is, and all that people registered. It is written for its
owner alone (0600). Topics are Kafka's and are not in it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.backUp(cmd.Context(), env, args[0])
		},
	}
	s.flags(cmd, env)
	return cmd
}

func (s *stores) backUp(ctx context.Context, env *cli.Env, file string) (err error) {
	from, closeStores, err := s.open(ctx, registry.OpenAsIs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStores()) }()
	write := func(w io.Writer) (r backup.Report, err error) {
		err = drawn(env, func(p backup.Progress) error {
			r, err = backup.Write(ctx, w, from, version.String(), p)
			return err
		})
		return r, err
	}
	if file == "-" {
		r, err := write(env.Out)
		if err == nil {
			summary(env.Err, r, "to standard output")
		}
		return err
	}
	if i, err := os.Stat(file); err == nil && i.IsDir() {
		file = filepath.Join(file, "kafkaml-"+env.Now().UTC().Format("20060102T150405Z")+".tar")
	}
	var r backup.Report
	if err := whole(file, func(w io.Writer) (err error) { r, err = write(w); return err }); err != nil {
		return err
	}
	return env.Print(r, file, func(w io.Writer) error { summary(w, r, "to "+file); return nil })
}

// whole writes a file that nobody else may read, under its name once fill is done.
func whole(file string, fill func(io.Writer) error) (err error) {
	refused := func(err error) error {
		return &pipeline.Error{Op: "write the backup", Kind: pipeline.Unavailable, Field: "file", Err: err, Hint: "name a file in a folder that can be written and has room"}
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return &pipeline.Error{Op: "write the backup", Kind: pipeline.Conflict, Field: "file", Reason: file + " is there", Hint: "name another file"}
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".kafkaml-backup-*") // 0600
	if err != nil {
		return refused(err)
	}
	defer func() { _ = os.Remove(part.Name()) }() // nothing, once it has its name
	if err := fill(part); err != nil {
		return errors.Join(err, part.Close())
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return refused(err)
	}
	if err := os.Rename(part.Name(), file); err != nil {
		return refused(err)
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return refused(err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// RestoreCommand is kafkaml restore.
func RestoreCommand(env *cli.Env) *cobra.Command {
	s := &stores{}
	replace := false
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup into an empty installation that does not run", Args: cli.Args("FILE"),
		Long: `Checks the whole file, then puts the registry and the artifacts back, into SQLite or
PostgreSQL, a folder or S3, whichever they came from. One that is cut off is run again;
kafkaml does not start on a half.

End kafkaml before. When it has started again, trainings that ran begin anew, waiting
ones wait, inferences serve. Whatever names a topic that is gone says so. Control
messages that were dealt with after the backup are known to Kafka as read: set the
group of control-log back to the time that is printed.`,
		RunE: func(cmd *cobra.Command, args []string) error { return s.restore(cmd.Context(), env, args[0], replace) },
	}
	s.flags(cmd, env)
	cmd.Flags().BoolVar(&replace, "replace", false, "delete what is there")
	return cmd
}

func (s *stores) restore(ctx context.Context, env *cli.Env, file string, replace bool) (err error) {
	var a *backup.Archive
	err = drawn(env, func(p backup.Progress) error {
		a, err = backup.Open(ctx, file, p)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	to, closeStores, err := s.open(ctx, registry.Open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStores()) }()
	if err := drawn(env, func(p backup.Progress) error { return a.Restore(ctx, to, replace, p) }); err != nil {
		return err
	}
	r := a.Report()
	return env.Print(r, file, func(w io.Writer) error {
		summary(w, r, "from "+file)
		_, err := fmt.Fprintf(w, "next: %s, then start kafkaml\n", setBack(env.Getenv, r.Created))
		return err
	})
}

// setBack is the command after which the control messages since a backup are read
// again.
func setBack(getenv func(string) string, to time.Time) string {
	login := ""
	if getenv("KAFKA_SASL_MECHANISM") != "" || getenv("KAFKA_TLS") == "true" {
		login = " --command-config client.properties" // Kafka's own names for what our variables say
	}
	return fmt.Sprintf("kafka-consumer-groups.sh --bootstrap-server %s%s --group %s --reset-offsets --to-datetime %s --all-topics --execute",
		or(getenv("KAFKA_BROKERS"), "HOST:PORT"), login, pipeline.ControlGroup(getenv(pipeline.TenantVariable)), to.UTC().Format("2006-01-02T15:04:05.000"))
}

// lock keeps a kafkaml run from starting over a data folder, where there is one that
// this writes to.
func (s *stores) lock() (unlock func() error, err error) {
	if s.database != "" && s.artifacts != "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(s.data, 0o755); err != nil {
		return nil, &pipeline.Error{Op: "open the data folder", Kind: pipeline.Unavailable, Field: "data", Err: err}
	}
	return lockFolder(s.data)
}

// drawn shows how far do has come.
func drawn(env *cli.Env, do func(backup.Progress) error) error {
	_, terminalOut := env.Terminal(env.Err)
	p := terminal.Progress{Out: env.Err, Terminal: terminalOut, Unit: "parts", Now: env.Now}
	p.Begin()
	defer p.End()
	return do(func(bytes int64) { p.Add(1, bytes) })
}

func summary(w io.Writer, r backup.Report, where string) {
	fmt.Fprintf(w, "the registry (schema %d) and %s artifacts, %s, of %s, %s\n", r.Schema, terminal.Count(int64(r.Artifacts)), terminal.Bytes(r.Bytes), r.Created.Format("2006-01-02 15:04:05 MST"), terminal.Plain(where))
	if len(r.Missing) > 0 {
		fmt.Fprintf(w, "the store did not hold what the registry names: %s\n", terminal.Plain(strings.Join(r.Missing, ", ")))
	}
}
