package streaming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// sending is one invocation of stream send.
type sending struct {
	env        *cli.Env
	broker     *broker
	config     control.SinkConfig
	file       files.Options
	format     string
	partitions int
	predict    bool
	unchecked  bool
	rate       float64 // records a second; 0 for as fast as can be
	header     bool
	noHeader   bool
	models     []pipeline.Model  // that are to train on the stream, where they are known
	unknown    error             // why they are not known
	reader     string            // the inference that is to predict the records, where it is known
	decoder    *features.Decoder // as it reads them
}

const sendAbout = `Send a file as a stream.

With --deployment the records are for training: the label is the key, and at the
end one control message says where they lie, in which format and how to split
them, which starts the trainings. With --predict they are for the inferences of the
topic, in the format that these read; in AVRO by their schema, to whose fields the
columns of a table are brought by name. The label of --label, or of a second file,
goes along as the key.

Files: CSV, TSV, JSON (objects by line, or in one array), Parquet, Arrow and
Feather, Avro containers, TFRecord of tf.train.Example, NPY, NPZ and IDX (the
files of MNIST); NPY and IDX as a pair: samples, then labels. What a file is its
bytes say, whatever its name. Its layout gives the format and its config; --format
RAW, AVRO or JSON asks for another. Members of nested columns are columns of their
own, as payment.amount; times are sent as milliseconds since 1970.

A folder that holds one of PNG and JPEG files for each class, or a zip archive of
it, is sent as pixels, uint8 of height x width x channels, in a shuffled order that
is the same each time. All must be of one size, or --resize brings them to one.

Before the first record is sent it is said what was taken for the header, the
label and the sample, with three rows as they are read, and what looks wrong in
the file: missing values, empty rows, numbers far from the rest or too large for
the model's type.

Columns of text are sent as text where the deployment's models take text, just as
they are written but for blanks around them; with --predict, name them in --text.

Every replica acknowledges each record, and a record of a training stream is in
the log once, whatever is sent again.`

func send(env *cli.Env, b *broker) *cobra.Command {
	s := sending{env: env, broker: b}
	cmd := &cobra.Command{
		Use: "send FILE [LABELS]", Short: "Send a file as a stream, for training or for predictions", Long: sendAbout,
		Example: "  " + env.Program + " stream send train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz --topic mnist --deployment 1 --validation-rate 0.1\n" +
			"  " + env.Program + " stream send iris.csv --label species --topic iris --deployment 2 --test-rate 0.2\n" +
			"  " + env.Program + " stream send flowers/ --topic flowers --deployment 3 --resize 64x64\n" +
			"  " + env.Program + " stream send new.npy --topic digits --predict --rate 100",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return cli.Usagef("name one file or folder, or the samples' and the labels'")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.check(); err != nil {
				return err
			}
			return s.run(cmd.Context(), args)
		},
	}
	env.OutputFlag(cmd)
	s.flags(cmd)
	return cmd
}

func (s *sending) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.config.Topic, "topic", "", "`TOPIC` of the records; made where there is none")
	flags.IntVar(&s.partitions, "partitions", 1, "partitions of a topic that is made")
	flags.Int64Var(&s.config.Deployment, "deployment", 0, "`ID` of the deployment that is to train on the stream")
	flags.BoolVar(&s.predict, "predict", false, "send records to predict: no control message")
	flags.StringVar(&s.config.ControlTopic, "control-topic", s.env.Getenv("CONTROL_TOPIC"), "`TOPIC` of control messages (CONTROL_TOPIC)")
	flags.Float64Var(&s.config.ValidationRate, "validation-rate", 0, "share of the records for validation, 0 to 1")
	flags.Float64Var(&s.config.TestRate, "test-rate", 0, "share of the records for the test, 0 to 1")
	flags.StringVar((*string)(&s.config.Order), "order", "", "read several partitions by `time` of their records, or partition: one after the other")
	flags.BoolVar(&s.config.Shuffle, "shuffle", false, "shuffle the stream once before it is split")
	flags.StringVar((*string)(&s.config.Split), "split", "", "keep back records by `time` (the last), random, or label (at random, of each class its share)")
	flags.Int64Var(&s.config.Seed, "seed", 0, "seed of --shuffle and of --split random or label")
	flags.StringVar(&s.config.Description, "description", "", "`TEXT` for people")
	flags.StringVar(&s.format, "format", "", "`FORMAT` of the records: RAW, AVRO or JSON")
	flags.StringVar(&s.file.Label, "label", "", "`COLUMNS` that are the label, separated by commas")
	flags.StringVar(&s.file.Drop, "drop", "", "`COLUMNS` to leave out, separated by commas")
	flags.StringVar(&s.file.Text, "text", "", "`COLUMNS` that are sent as text, separated by commas (default: those that the deployment's models take as text)")
	flags.BoolVar(&s.header, "header", false, "CSV: the first row names the columns (default: as it seems)")
	flags.BoolVar(&s.noHeader, "no-header", false, "CSV: the first row is a record")
	flags.StringVar(&s.file.As, "as", "", "read the file as `KIND`, where its bytes do not say: "+strings.Join(files.Kinds(), ", "))
	flags.StringVar(&s.file.Resize, "resize", "", "pictures: bring all to `SIZE`, height x width, such as 128x128")
	flags.StringVar(&s.file.DType, "dtype", "", "RAW: `TYPE` on the wire in place of the file's, such as uint8 or float32")
	flags.Int64Var(&s.file.Skip, "skip", 0, "leave out the first `N` rows")
	flags.Int64Var(&s.file.Limit, "limit", 0, "send at most `N` rows")
	flags.Float64Var(&s.rate, "rate", 0, "send `N` records a second (default: as fast as can be)")
	flags.BoolVar(&s.unchecked, "unchecked", false, "do not ask whether the deployment trains on the stream and its models can read it, how the inferences of the topic do, or whose the topic is")
	// The flags exist, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("format", cli.Choices("RAW", "AVRO", "JSON"))
	_ = cmd.RegisterFlagCompletionFunc("as", cli.Choices(files.Kinds()...))
}

func (s *sending) check() error {
	switch {
	case s.config.Topic == "":
		return cli.Usagef("missing --topic")
	case s.predict == (s.config.Deployment != 0):
		return cli.Usagef("give one of --deployment (to train) and --predict")
	case s.config.Deployment < 0:
		return cli.Usagef("--deployment %d is not an id", s.config.Deployment)
	case s.rate < 0:
		return cli.Usagef("--rate %g is negative", s.rate)
	case s.file.Skip < 0:
		return cli.Usagef("--skip %d is negative", s.file.Skip)
	case s.file.Limit < 0:
		return cli.Usagef("--limit %d is negative", s.file.Limit)
	case s.partitions < 1:
		return cli.Usagef("--partitions %d: a topic has 1 or more", s.partitions)
	case s.header && s.noHeader:
		return cli.Usagef("give one of --header and --no-header")
	case s.header:
		s.file.Header = files.HeaderNames
	case s.noHeader:
		s.file.Header = files.HeaderRecord
	}
	s.file.Format = pipeline.Format(strings.ToUpper(s.format))
	split, err := pipeline.ParseSplit("split", string(s.config.Split))
	if err != nil {
		return err
	}
	s.config.Split = split
	return pipeline.CheckRates(s.config.ValidationRate, s.config.TestRate)
}

// checkTopic finds the control topic, and keeps records out of it: each would be
// read as a message that is at fault.
func (s *sending) checkTopic(ctx context.Context) error {
	if s.config.ControlTopic == "" {
		s.config.ControlTopic = s.broker.controlTopic(ctx)
	}
	if s.config.Topic == s.config.ControlTopic {
		return pipeline.Invalidf("topic", "%q is the control topic: what is written there asks for trainings", s.config.Topic).
			WithHint("use a topic of your own; the control message is sent by itself")
	}
	return s.ofTenant(ctx)
}

// ofTenant keeps records out of the topics of an installation's neighbours, which
// nothing but Kafka's own rules would do here.
func (s *sending) ofTenant(ctx context.Context) error {
	if s.unchecked {
		return nil
	}
	c, err := s.env.Client(ctx)
	if err != nil || c.Tenant == "" || strings.HasPrefix(s.config.Topic, pipeline.OfTenant(c.Tenant, "")) {
		return ctx.Err()
	}
	return (&pipeline.Error{
		Op: "send stream", Kind: pipeline.Forbidden, Field: "topic",
		Reason: fmt.Sprintf("%q is not a topic of the tenant %q", s.config.Topic, c.Tenant),
	}).WithHint("name it %s; --unchecked sends the records all the same, for an installation that may use others (KAFKAML_TOPICS_READ, KAFKAML_TOPICS_WRITE)", pipeline.OfTenant(c.Tenant, s.config.Topic))
}

func (s *sending) run(ctx context.Context, paths []string) (err error) {
	if err := s.checkTopic(ctx); err != nil {
		return err
	}
	s.file.Only = s.predict && s.file.Label == "" && len(paths) == 1 // no column is taken for a label unasked
	if err := s.learn(ctx); err != nil {
		return err
	}
	reader, err := files.Open(paths, s.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	s.config.Format, s.config.Config = reader.Format(), reader.Config()
	if err := s.explain(reader); err != nil {
		return err
	}
	cluster, err := s.broker.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	if err := cluster.EnsureTopic(ctx, s.config.Topic, s.partitions); err != nil {
		return err
	}
	out, err := s.open(ctx, cluster)
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := s.pump(ctx, reader, out); err != nil {
		return s.left(out, err)
	}
	s.note(reader.Found(s.inputs()))
	summary, err := out.Close(ctx)
	if err != nil {
		return s.left(out, err)
	}
	return s.env.Print(summary, summary.Control.Topic, func(w io.Writer) error { return s.report(w, summary) })
}

// explain prints what was read as what, and refuses what the models cannot read.
func (s *sending) explain(reader *files.Reader) error {
	if classes := reader.Classes(); len(classes) > 0 {
		s.env.Note("classes: %s", numbered(classes))
	}
	s.note(reader.Report())
	return s.suits(reader)
}

func (s *sending) note(lines []string) {
	for _, line := range lines {
		s.env.Note("%s", terminal.Plain(line))
	}
}

// target is where records go: a control.Sink for training, a feed for
// predictions.
type target interface {
	Send(ctx context.Context, label, sample []byte) error
	Flush(ctx context.Context) error
	Sent() (records, bytes int64)
	Close(ctx context.Context) (control.Summary, error)
	Abort()
}

func (s *sending) open(ctx context.Context, cluster *stream.Cluster) (target, error) {
	if s.predict {
		return newFeed(ctx, cluster, s.config.Topic)
	}
	if err := cluster.EnsureTopic(ctx, s.config.ControlTopic, 1); err != nil {
		return nil, err
	}
	return control.NewSink(ctx, cluster, s.config)
}

// pump sends every row, at the rate asked for, and draws how far it has come.
func (s *sending) pump(ctx context.Context, reader *files.Reader, out target) error {
	_, terminalOut := s.env.Terminal(s.env.Err)
	bar := terminal.Progress{Out: s.env.Err, Terminal: terminalOut, Unit: "records", Total: reader.Total(), Now: time.Now}
	defer bar.End()
	pace := newPace(s.rate)
	var records, bytes int64
	for n := int64(1); ; n++ {
		label, sample, err := reader.Next()
		if n == 1 {
			if err == nil {
				s.tryFirst(label, sample)
			}
			bar.Begin()
		}
		if errors.Is(err, io.EOF) {
			return out.Flush(ctx)
		}
		if err == nil {
			err = out.Send(ctx, label, sample)
		}
		if err == nil && pace.due(n) {
			err = pace.wait(ctx, n, out.Flush)
		}
		if err != nil {
			return err
		}
		if n%256 == 0 || s.rate > 0 {
			r, b := out.Sent()
			bar.Add(r-records, b-bytes)
			records, bytes = r, b
		}
	}
}

// left says what became of the records of a stream that broke off.
func (s *sending) left(out target, err error) error {
	out.Abort()
	switch records, _ := out.Sent(); {
	case s.predict:
		s.env.Note("%s records are in topic %s: with --skip raised by that, the rest can be sent (what was on its way may be there, too)", terminal.Count(records), s.config.Topic)
	case records > 0:
		s.env.Note("%s records are in topic %s, but no control message names them: nothing trains on them", terminal.Count(records), s.config.Topic)
	}
	return err
}

func (s *sending) report(w io.Writer, sum control.Summary) error {
	rate := float64(sum.Records) / max(sum.Seconds, 1e-9)
	ranges := make([]string, len(sum.Ranges))
	for i, r := range sum.Ranges {
		ranges[i] = fmt.Sprintf("%s:%d:%d:%d", r.Topic, r.Partition, r.Offset, r.Length)
	}
	_, err := fmt.Fprintf(w, "%s records as %s, %s in %.1f s (%s/s): %s\n", terminal.Count(sum.Records), s.config.Format,
		terminal.Bytes(sum.Bytes), sum.Seconds, terminal.Count(int64(rate)), strings.Join(ranges, " "))
	if err != nil || s.predict {
		return err
	}
	_, err = fmt.Fprintf(w, "control message of %s at %s:%d:%d for deployment %d\n",
		terminal.Bytes(int64(sum.Control.Bytes)), sum.Control.Topic, sum.Control.Partition, sum.Control.Offset, s.config.Deployment)
	return err
}

func numbered(classes []string) string {
	all := make([]string, len(classes))
	for i, c := range classes {
		all[i] = fmt.Sprintf("%d %s", i, terminal.Plain(c))
	}
	return strings.Join(all, ", ")
}
