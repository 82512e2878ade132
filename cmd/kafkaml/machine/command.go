package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/rotate"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// settings are what the flags of run say, before they become Options.
type settings struct {
	Options
	origins string
	example bool
	ready   string
	verbose bool
}

const runAbout = `Starts a broker, all functions, the model worker and the page on this machine.

KAFKA_BROKERS=host:port,... uses a Kafka that is there, by TLS and SASL as the
KAFKA_TLS and KAFKA_SASL variables say (docs/kubernetes.md lists them). Without it
the development broker runs inside this process, or Apache Kafka as a child with
--broker kafka.

SCHEMA_REGISTRY_URL=http://host:8081 lets records be read that a schema registry
frames (SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or
SCHEMA_REGISTRY_TOKEN; SCHEMA_REGISTRY_TLS_CA, SCHEMA_REGISTRY_TLS_CERT and
SCHEMA_REGISTRY_TLS_KEY).

KAFKAML_HOSTS=ml.example.com names this installation where a proxy before it does;
KAFKAML_FORWARDED=true where that rewrites Host. KAFKAML_ANONYMOUS=viewer, editor
or operator says what anybody may do where other machines reach it.

KAFKAML_TENANT=a keeps this installation apart from others of the same Kafka: its
topics and consumer groups begin with "a.", the control topic, which CONTROL_TOPIC
names, too.

Ctrl-C ends everything that was started; all state is kept in --data.`

// RunCommand is kafkaml run.
func RunCommand(env *cli.Env) *cobra.Command {
	s := &settings{}
	cmd := &cobra.Command{
		Use: "run", Short: "Run the whole pipeline on this machine", Long: runAbout, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.checkPorts(cmd.Flags(), env.Getenv); err != nil {
				return err
			}
			if u, err := url.Parse(s.Database); err == nil && cmd.Flags().Changed("database") {
				if _, secret := u.User.Password(); secret {
					env.Note("--database holds a password, which ps shows to everybody on this machine: set DATABASE_URL in its place")
				}
			}
			return s.run(cmd.Context(), env)
		},
	}
	s.flags(cmd, env.Getenv)
	f := cmd.Flags()
	f.BoolVar(&s.example, "example", false, "where nothing is registered yet, walk an example through the pipeline")
	f.StringVar(&s.ready, "ready-file", "", "write the addresses as JSON to this file once everything runs")
	return cmd
}

func (s *settings) flags(cmd *cobra.Command, getenv func(string) string) {
	f := cmd.Flags()
	f.StringVar(&s.Data, "data", or(getenv("KAFKAML_DATA"), defaultData()), "folder that holds all state (KAFKAML_DATA)")
	f.StringVar(&s.Listen, "listen", "127.0.0.1", "address to listen on; one that other machines reach needs a login, or KAFKAML_ANONYMOUS")
	f.IntVar(&s.Port, "port", number(getenv("PORT"), pipeline.DefaultPort), "port of the page and the functions, 0 for a free one (PORT)")
	f.StringVar(&s.Broker, "broker", or(getenv("BROKER"), BrokerDevelopment), "development or kafka (BROKER); KAFKA_BROKERS overrides it")
	f.IntVar(&s.KafkaPort, "kafka-port", number(getenv("KAFKA_PORT"), 9092), "port of the broker that is started, 0 for a free one (KAFKA_PORT)")
	storeFlags(f, getenv, &s.Database, &s.Artifacts)
	f.StringVar(&s.ControlTopic, "control-topic", or(getenv("CONTROL_TOPIC"), control.Topic), "the control topic (CONTROL_TOPIC)")
	f.StringVar(&s.origins, "cors-origins", getenv("CORS_ORIGINS"), "origins of pages that are served elsewhere and may call the functions, separated by commas (CORS_ORIGINS)")
	f.StringVar(&s.TLSCert, "tls-cert", getenv("KAFKAML_TLS_CERT"), "PEM file of the certificate to serve HTTPS with, read again when it changes (KAFKAML_TLS_CERT); plain HTTP unless given")
	f.StringVar(&s.TLSKey, "tls-key", getenv("KAFKAML_TLS_KEY"), "PEM file of its key (KAFKAML_TLS_KEY)")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "print the log, too, that otherwise goes to logs/kafkaml.log under --data")
}

// checkPorts refuses ports that are none, where a variable holds something else
// than a number, too: it must not count as one that is not set.
func (s *settings) checkPorts(f *pflag.FlagSet, getenv func(string) string) error {
	for _, p := range []struct {
		flag, variable string
		port           int
	}{{"port", "PORT", s.Port}, {"kafka-port", "KAFKA_PORT", s.KafkaPort}} {
		field, value := p.flag, strconv.Itoa(p.port)
		if text := getenv(p.variable); text != "" && !f.Changed(p.flag) {
			field, value = p.variable, text
		}
		if _, err := strconv.ParseUint(value, 10, 16); err != nil {
			return pipeline.Invalidf(field, "%q is not a port", value).WithHint("use one from 1 to 65535, or 0 for a free one")
		}
	}
	return nil
}

// storeFlags say where the registry and the models are. Help does not show what the
// environment says of them, which may hold a password.
func storeFlags(f *pflag.FlagSet, getenv func(string) string, database, artifacts *string) {
	f.StringVar(database, "database", getenv("DATABASE_URL"), "sqlite:<file> or postgres://... (DATABASE_URL); a file under --data unless given")
	f.StringVar(artifacts, "artifacts", getenv("ARTIFACT_URL"), "file:///folder or s3://bucket?... (ARTIFACT_URL); a folder under --data unless given")
	for _, name := range []string{"database", "artifacts"} {
		f.Lookup(name).DefValue = ""
	}
}

// run starts the machine and waits until it is asked to end or a part fails.
func (s *settings) run(ctx context.Context, env *cli.Env) (err error) {
	log, err := s.prepare(env)
	if err != nil {
		return err
	}
	defer log.Close()
	m, err := Start(ctx, s.Options)
	if err != nil {
		return err
	}
	defer func() {
		s.Say("ending; everything is saved in %s", s.Data)
		err = errors.Join(err, m.Close())
	}()
	if err := m.announce(s.ready); err != nil {
		return err
	}
	if s.example {
		stop := m.startExample(ctx, s.Say)
		defer stop()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-m.Failed():
		return err
	}
}

// maxLog is what the log of this process takes, in bytes.
const maxLog = 64 << 20

// prepare turns the settings into Options.
func (s *settings) prepare(env *cli.Env) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Join(s.Data, "logs"), 0o755); err != nil {
		return nil, &pipeline.Error{Op: "open the data folder", Kind: pipeline.Unavailable, Field: "data", Err: err}
	}
	data, err := filepath.Abs(s.Data)
	if err != nil {
		return nil, err
	}
	s.Data = data
	if env.Getenv("KAFKA_BROKERS") != "" {
		if s.Kafka, err = stream.FromEnv(env.Getenv); err != nil {
			return nil, err
		}
		s.Broker = BrokerExternal
	} else if unused := set(env.Getenv, "KAFKA_TLS", "KAFKA_TLS_CA", "KAFKA_TLS_CERT", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME"); len(unused) > 0 {
		env.Note("without effect: %s. KAFKA_BROKERS is not set, so this starts a broker of its own, which takes neither TLS nor SASL", strings.Join(unused, ", "))
	}
	if s.Schemas, err = schemas.FromEnv(env.Getenv); err != nil {
		return nil, err
	}
	if s.Access, err = guard.ReadSettings(env.Getenv); err != nil {
		return nil, err
	}
	s.Tenant = env.Getenv(pipeline.TenantVariable)
	if s.MayRead, s.MayWrite, err = identity.ReadTopics(env.Getenv); err != nil {
		return nil, err
	}
	if s.Replicas, err = functions.MaxReplicas(env.Getenv); err != nil {
		return nil, err
	}
	s.Access.Origins = guard.List(s.origins)
	s.Frameworks = env.Frameworks
	s.Say = func(format string, args ...any) { fmt.Fprintf(env.Out, format+"\n", args...) }
	file, err := rotate.Open(filepath.Join(data, "logs", "kafkaml.log"), maxLog)
	if err != nil {
		return nil, &pipeline.Error{Op: "open the log", Kind: pipeline.Unavailable, Field: "data", Err: err}
	}
	var w io.Writer = file
	if s.verbose {
		w = io.MultiWriter(file, env.Err)
	}
	s.Log = slog.New(tracing.Log(slog.NewTextHandler(w, nil)))
	slog.SetDefault(s.Log)
	return file, nil
}

// announce prints where everything is.
func (m *Machine) announce(readyFile string) error {
	m.options.Say("\nkafkaml runs:  %s\nKafka:         %v\nstate, logs:   %s\nnext:          bin/kafkaml --server %s models list   (Ctrl-C ends everything)\n",
		m.URL, m.Kafka.Brokers[0], m.options.Data, m.URL)
	if readyFile == "" {
		return nil
	}
	b, err := json.Marshal(map[string]any{"url": m.URL, "brokers": m.Kafka.Brokers, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	// Renamed into place: who waits for the file never reads half of it.
	if err := os.WriteFile(readyFile+".part", b, 0o644); err != nil {
		return &pipeline.Error{Op: "write the ready file", Kind: pipeline.Unavailable, Field: "ready-file", Err: err}
	}
	return os.Rename(readyFile+".part", readyFile)
}

func defaultData() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "kafkaml-data"
	}
	return filepath.Join(home, ".local", "share", "kafkaml")
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// set are those of variables that are set.
func set(getenv func(string) string, variables ...string) []string {
	return slices.DeleteFunc(variables, func(name string) bool { return getenv(name) == "" })
}

func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}
