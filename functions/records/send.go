package records

import (
	"context"
	"errors"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/datasets"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

const (
	opSend     = "send a stream"
	sendMemory = 1 << 20 // of an upload held in memory; the rest goes to files
	sendTime   = 3 * time.Minute
)

// sendForm is what POST /streams takes, as multipart/form-data, beside one or
// two parts "file": samples with their labels, or samples and labels apart.
type sendForm struct {
	sink    control.SinkConfig
	file    files.Options
	example string // the name of a data set of this machine, in place of files
}

// sent is the answer of POST /streams.
type sent struct {
	control.Summary
	Notes []string `json:"notes"` // what was taken as what, and what looks wrong
}

// taken is the answer of POST /streams/preview.
type taken struct {
	Notes []string `json:"notes"`
}

// sendStream serves POST /streams: it sends records that a person has picked as
// a training stream, as any producer would, and answers with what was sent. The
// datasource then comes by the control topic.
func (s *Service) sendStream(w http.ResponseWriter, r *http.Request) {
	s.withForm(w, r, http.StatusCreated, func(ctx context.Context, form sendForm) (any, error) {
		return s.send(ctx, form, r.MultipartForm.File["file"])
	})
}

// previewStream serves POST /streams/preview: it answers what sendStream would
// take as header, label and sample, and sends nothing.
func (s *Service) previewStream(w http.ResponseWriter, r *http.Request) {
	s.withForm(w, r, http.StatusOK, func(ctx context.Context, form sendForm) (any, error) {
		answer := taken{Notes: []string{}}
		o, err := s.open(ctx, form, r.MultipartForm.File["file"])
		if err == nil {
			answer.Notes, err = append(answer.Notes, o.notes...), o.close()
		}
		return answer, err
	})
}

// withForm reads the form of a request and answers with what do gives.
func (s *Service) withForm(w http.ResponseWriter, r *http.Request, status int, do func(context.Context, sendForm) (any, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), sendTime)
	defer cancel()
	if err := r.ParseMultipartForm(sendMemory); err != nil { // #nosec G120 -- the door bounds the body
		var tooLarge *http.MaxBytesError
		if !errors.As(err, &tooLarge) {
			err = pipeline.Invalidf("body", "%v", err).WithHint("send multipart/form-data")
		}
		door.Problem(w, err)
		return
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	form, err := readSendForm(r, s.ControlTopic)
	var answer any
	if err == nil {
		answer, err = do(ctx, form)
	}
	if err != nil {
		door.Problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	door.WriteJSON(w, answer)
}

// readSendForm reads the fields of the form.
func readSendForm(r *http.Request, controlTopic string) (f sendForm, err error) {
	p := fields{r: r}
	f.sink = control.SinkConfig{
		Topic: r.FormValue("topic"), ControlTopic: controlTopic, Description: r.FormValue("description"),
		Deployment: p.whole("deployment"), ValidationRate: p.rate("validation_rate"), TestRate: p.rate("test_rate"),
		Shuffle: r.FormValue("shuffle") == "true", Seed: p.whole("seed"), Order: p.order("order"), Split: p.split("split"),
	}
	f.file = files.Options{
		Format: pipeline.Format(r.FormValue("format")), Label: r.FormValue("label"), Drop: r.FormValue("drop"),
		Limit: p.whole("limit"), DType: r.FormValue("data_type"), As: r.FormValue("as"), Header: p.header("header"), Resize: r.FormValue("resize"),
	}
	f.example = r.FormValue("example")
	if p.err != nil {
		return f, p.err
	}
	if f.sink.Deployment < 1 {
		return f, pipeline.Invalidf("deployment", "is missing").WithHint("give the id of the deployment that is to train on the stream")
	}
	if f.file.Limit < 0 {
		return f, pipeline.Invalidf("limit", "must not be negative")
	}
	if err := pipeline.ValidateTopic("topic", f.sink.Topic); err != nil {
		return f, err
	}
	return f, pipeline.CheckRates(f.sink.ValidationRate, f.sink.TestRate)
}

// fields reads numbers of a form and remembers the first error.
type fields struct {
	r   *http.Request
	err error
}

func (p *fields) whole(name string) int64 {
	text := p.r.FormValue(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if text != "" && err != nil && p.err == nil {
		p.err = pipeline.Invalidf(name, "%q is not a whole number", text)
	}
	return n
}

func (p *fields) header(name string) files.Header {
	h := files.Header(p.r.FormValue(name))
	if h != "" && h != files.HeaderNames && h != files.HeaderRecord && p.err == nil {
		p.err = pipeline.Invalidf(name, "%q is not what a first row can be", string(h)).WithHint("send %s, %s or nothing", files.HeaderNames, files.HeaderRecord)
	}
	return h
}

func (p *fields) order(name string) pipeline.Order {
	order, err := pipeline.ParseOrder(name, p.r.FormValue(name))
	if err != nil && p.err == nil {
		p.err = err
	}
	return order
}

func (p *fields) split(name string) pipeline.SplitBy {
	by, err := pipeline.ParseSplit(name, p.r.FormValue(name))
	if err != nil && p.err == nil {
		p.err = err
	}
	return by
}

func (p *fields) rate(name string) float64 {
	text := p.r.FormValue(name)
	v, err := strconv.ParseFloat(text, 64)
	if text != "" && err != nil && p.err == nil {
		p.err = pipeline.Invalidf(name, "%q is not a number", text)
	}
	return v
}

// opened are records to send, which suit the models that are to train on them.
type opened struct {
	*files.Reader
	most   int64             // bytes of all records
	inputs []pipeline.Tensor // of the models
	notes  []string
	clean  func() // of uploads
}

func (o *opened) close() error {
	defer o.clean()
	return o.Close()
}

// mayWrite is nil where whoever asks may put records on a topic.
func (s *Service) mayWrite(ctx context.Context, field, topic string) error {
	if topic == s.ControlTopic {
		return pipeline.Invalidf(field, "%q is the control topic: what is written there asks for trainings", topic).WithHint("use a topic of your own")
	}
	return s.MayWrite.Allow(identity.Of(ctx), field, topic)
}

// open opens the records and sees whether the deployment's model can use them.
func (s *Service) open(ctx context.Context, f sendForm, uploads []*multipart.FileHeader) (*opened, error) {
	if err := s.mayWrite(ctx, "topic", f.sink.Topic); err != nil {
		return nil, err
	}
	paths, clean, err := locate(f.example, uploads)
	most := int64(math.MaxInt64)
	if err == nil && f.example == "" {
		most, err = unpacks(paths, uploads)
	}
	if err != nil {
		clean()
		return nil, err
	}
	d, export, err := s.models(ctx, f.sink.Deployment)
	if err == nil {
		err = d.TrainingKwargs.CheckMonitors(f.sink.ValidationRate > 0)
	}
	if err != nil {
		clean()
		return nil, err
	}
	f.file.Inputs = export.Inputs
	reader, err := files.Open(paths, f.file)
	if err != nil {
		clean()
		return nil, err
	}
	o := &opened{Reader: reader, most: most, inputs: export.Inputs, clean: clean, notes: reader.Report()}
	if err := fits(f.sink, reader, export); err != nil {
		return nil, errors.Join(err, o.close())
	}
	o.notes = slices.Concat(o.notes, reader.FewClasses(export), reader.Rounded(o.inputs, export.Labels))
	return o, nil
}

// send sends the records with their control message.
func (s *Service) send(ctx context.Context, f sendForm, uploads []*multipart.FileHeader) (sum sent, err error) {
	o, err := s.open(ctx, f, uploads)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	f.sink.Format, f.sink.Config = o.Format(), o.Config()
	for _, topic := range []string{f.sink.ControlTopic, f.sink.Topic} {
		if err := s.Cluster.EnsureTopic(ctx, topic, 1); err != nil {
			return sum, err
		}
	}
	sink, err := control.NewSink(ctx, s.Cluster, f.sink)
	if err != nil {
		return sum, err
	}
	defer sink.Abort() // nothing after Close
	for left := o.most; ; {
		label, sample, err := o.Next()
		if errors.Is(err, io.EOF) {
			sum.Notes = append(append([]string{}, o.notes...), o.Found(o.inputs)...)
			sum.Summary, err = sink.Close(ctx)
			return sum, err
		}
		if left -= int64(len(label) + len(sample)); err == nil && left < 0 {
			err = grows("makes records of", o.most)
		}
		if err == nil {
			err = sink.Send(ctx, label, sample)
		}
		if err != nil {
			return sum, err
		}
	}
}

// models is a deployment, and what its models take: all of them take the same. One that
// could train on no stream is refused.
func (s *Service) models(ctx context.Context, deployment int64) (d pipeline.Deployment, e pipeline.Export, err error) {
	e, err = registry.Read(ctx, s.Store, func(tx *registry.Tx) (_ pipeline.Export, err error) {
		d, err = tx.Deployment(deployment)
		if pipeline.KindOf(err) == pipeline.NotFound {
			err = pipeline.Invalidf("deployment", "there is no deployment %d", deployment).WithHint("create it first, or give the id of one that is there")
		}
		if err == nil {
			err = d.TakesStream()
		}
		if err != nil {
			return pipeline.Export{}, err
		}
		return exportOf(tx, deployment)
	})
	return d, e, err
}

// What an upload may come to, unpacked and as records: sentTimes as many bytes as it
// has, and sentLeast whatever its size, but not more than sentMost.
const (
	sentTimes = 100
	sentLeast = 16 << 20
	sentMost  = 128 << 20
)

// unpacks refuses uploads that unpack to more than their size lets expect, and
// gives what that is.
func unpacks(paths []string, uploads []*multipart.FileHeader) (most int64, err error) {
	for _, u := range uploads {
		most += u.Size
	}
	most = min(max(sentTimes*most, sentLeast), sentMost)
	for _, path := range paths {
		more, err := files.UnpacksTo(path, most)
		if err != nil {
			return 0, &pipeline.Error{Op: opSend, Err: err}
		}
		if more {
			return 0, grows(filepath.Base(path)+" unpacks to", most)
		}
	}
	return most, nil
}

// grows refuses an upload that becomes so much.
func grows(becomes string, most int64) error {
	return pipeline.Invalidf("file", "%s more than %d MiB, which is the most for an upload of this size; no training was announced", becomes, most>>20).
		WithHint("send it by `kafkaml stream send`, which reads files of any size, or in several smaller files")
}

// fits refuses a stream that the deployment's models could not train on, before
// anything is sent.
func fits(f control.SinkConfig, reader *files.Reader, export pipeline.Export) error {
	_, err := codec.ForTraining(reader.Format(), reader.Config(), export, false)
	if err == nil {
		err = reader.CheckLabels(export)
	}
	if err == nil {
		err = export.CheckRates(f.ValidationRate, f.TestRate)
	}
	if err == nil {
		err = export.CheckSplit(f.Split)
	}
	return err
}

// locate gives the files to read: those of an example, or uploads, which are
// stored under their names in a folder of their own until clean is called.
func locate(example string, uploads []*multipart.FileHeader) (paths []string, clean func(), err error) {
	clean = func() {}
	if example != "" {
		set, err := datasets.Named(example)
		if err != nil {
			return nil, clean, err
		}
		return set.Training(), clean, nil
	}
	if len(uploads) == 0 {
		return nil, clean, pipeline.Invalidf("file", "is missing").WithHint("pick a file, or two: the samples and the labels")
	}
	dir, err := os.MkdirTemp("", "kafkaml-upload-")
	if err != nil {
		return nil, clean, &pipeline.Error{Op: opSend, Err: err}
	}
	clean = func() { _ = os.RemoveAll(dir) }
	for i, u := range uploads {
		path, err := saveUpload(filepath.Join(dir, strconv.Itoa(i)), u) // two may have the same name
		if err != nil {
			return nil, clean, &pipeline.Error{Op: opSend, Err: err}
		}
		paths = append(paths, path)
	}
	return paths, clean, nil
}

// saveUpload writes an upload into dir, which it makes.
func saveUpload(dir string, u *multipart.FileHeader) (path string, err error) {
	from, err := u.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, files.UploadName(u.Filename))
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- a base name in our folder
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return path, errors.Join(err, to.Close())
}
