package functions

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/sources"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework/keras"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Opened are the parts that a step stands on, opened from the environment, and
// what must be closed after it.
type Opened struct {
	Parts
	local      *local.Platform
	watch      func(context.Context) // hears how Jobs end; nil where local does
	dispatcher *eventing.Dispatcher
	closers    []func() error
}

// environment reads what Open is told:
//
//	FUNCTION                 the step; empty for all
//	DATABASE_URL             registry; a SQLite file in KAFKAML_DATA when empty
//	ARTIFACT_URL             models; a folder in KAFKAML_DATA when empty
//	KAFKAML_DATA             folder for both, and for logs; ".data" when empty
//	KAFKA_*                  the cluster, as stream.FromEnv reads it
//	CONTROL_TOPIC            KAFKA_ML_CONTROL_TOPIC when empty
//	K_SINK                   deploy-training's door; this process's own when empty
//	CORS_ORIGINS             pages that may call, separated by commas
//	KAFKAML_TENSORFLOW       the program for training and inference; kafkaml-tensorflow
//	                         beside this one when empty
//	PORT                     where this process serves; 8080 when empty
//	BASE_URL                 the same as a URL; http://127.0.0.1:PORT when empty
//	PLATFORM                 kubernetes or local: where trainings and inferences run;
//	                         kubernetes in a pod when empty. Then also:
//	KAFKAML_IMAGE            holds kafkaml-tensorflow
//	KAFKAML_GPU_IMAGE        the same for Jobs with GPUs; KAFKAML_IMAGE when empty
//	KAFKAML_PENDING_SECONDS  how long a Job may find no node; 600 when empty
type environment struct {
	getenv   func(string) string
	function string
	data     string // absolute
	origin   string // where this process serves
}

func readEnvironment(getenv func(string) string) (environment, error) {
	e := environment{getenv: getenv, function: getenv("FUNCTION")}
	var err error
	if e.data, err = filepath.Abs(e.or("KAFKAML_DATA", ".data")); err != nil {
		return e, &pipeline.Error{Op: "find the data folder", Kind: pipeline.Unavailable, Field: "KAFKAML_DATA", Err: err}
	}
	e.origin = e.or("BASE_URL", "http://127.0.0.1:"+e.or("PORT", "8080"))
	return e, nil
}

func (e environment) or(name, otherwise string) string {
	if v := e.getenv(name); v != "" {
		return v
	}
	return otherwise
}

// serves reports whether the step is one of those served.
func (e environment) serves(steps ...string) bool {
	for _, s := range steps {
		if e.function == "" || e.function == s {
			return true
		}
	}
	return false
}

// Open opens what the step named by FUNCTION needs, and no more. OnEnded hears
// how training processes end. Close closes what was opened, also after an
// error.
func Open(ctx context.Context, getenv func(string) string, onEnded func(context.Context, platform.Ended), log *slog.Logger) (*Opened, error) {
	e, err := readEnvironment(getenv)
	if err != nil {
		return nil, err
	}
	o := &Opened{Parts: Parts{Log: log, Scratch: os.TempDir(), ControlTopic: e.or("CONTROL_TOPIC", control.Topic)}}
	if v := getenv("CORS_ORIGINS"); v != "" {
		o.Origins = strings.Split(v, ",")
	}
	o.Training = e.or("K_SINK", e.origin+"/")
	if e.function == "" {
		o.Training = e.origin + "/" + DeployTraining + "/"
	}
	for _, open := range []func(context.Context, environment) error{o.openStores, o.openWorker, o.openCluster} {
		if err := open(ctx, e); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	if err := o.openPlatform(e, onEnded); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *Opened) openStores(ctx context.Context, e environment) (err error) {
	if err := os.MkdirAll(e.data, 0o750); err != nil {
		return &pipeline.Error{Op: "make the data folder", Kind: pipeline.Unavailable, Field: "KAFKAML_DATA", Err: err}
	}
	if o.Store, err = registry.Open(ctx, e.or("DATABASE_URL", "sqlite:"+filepath.Join(e.data, "registry.db"))); err != nil {
		return err
	}
	o.closers = append(o.closers, o.Store.Close)
	if !e.serves(ModelRegister, DeployTraining) {
		return nil
	}
	if o.Artifacts, err = artifact.Open(ctx, e.artifacts()); err != nil {
		return err
	}
	o.closers = append(o.closers, o.Artifacts.Close)
	return nil
}

func (e environment) artifacts() string {
	return e.or("ARTIFACT_URL", (&url.URL{Scheme: "file", Path: filepath.Join(e.data, "artifacts")}).String())
}

func (o *Opened) openWorker(ctx context.Context, e environment) error {
	if !e.serves(ModelRegister) {
		return nil
	}
	python, packages, err := toolchain.Python()
	if err != nil {
		return err
	}
	w, err := keras.Start(ctx, keras.Options{Python: python, SitePackages: packages, Log: o.Log})
	if err != nil {
		return err
	}
	o.Worker = w
	o.closers = append(o.closers, w.Close)
	return nil
}

func (o *Opened) openCluster(ctx context.Context, e environment) error {
	o.Env = []string{"ARTIFACT_URL=" + e.artifacts()}
	if v := e.getenv("CORS_ORIGINS"); v != "" {
		o.Env = append(o.Env, "CORS_ORIGINS="+v)
	}
	if !e.serves(DeployTraining, ControlLog, DeployInference, Records) {
		return nil
	}
	config, err := stream.FromEnv(e.getenv)
	if err != nil {
		return err
	}
	o.Env = append(o.Env, config.Env()...)
	if e.function == DeployTraining { // only its processes read Kafka
		return nil
	}
	if o.Cluster, err = stream.Dial(ctx, config); err != nil {
		return err
	}
	o.closers = append(o.closers, o.Cluster.Close)
	if e.function != ControlLog {
		return nil
	}
	return o.Cluster.EnsureTopic(ctx, e.or("CONTROL_TOPIC", control.Topic), 1) // its KafkaSource waits for it
}

// openPlatform runs trainings and inferences: in the cluster, or as processes of
// this machine.
func (o *Opened) openPlatform(e environment, onEnded func(context.Context, platform.Ended)) error {
	if !e.serves(DeployTraining, DeployInference) {
		return nil
	}
	if e.inCluster() {
		return o.openKubernetes(e, onEnded)
	}
	binary, err := e.program()
	if err != nil {
		return err
	}
	o.local, err = local.New(local.Config{
		Binary: binary, Dir: filepath.Join(e.data, "logs"), Scratch: filepath.Join(e.data, "scratch"), Log: o.Log, BaseURL: e.origin + PredictPath, OnEnded: onEnded,
	})
	if err != nil {
		return err
	}
	o.Jobs, o.Services = o.local, o.local
	o.closers = append(o.closers, o.local.Close)
	if o.Cluster == nil {
		return nil
	}
	o.dispatcher = eventing.NewDispatcher(o.Cluster, o.resolve, o.Log)
	o.Sources = o.dispatcher
	o.closers = append(o.closers, o.dispatcher.Close)
	return nil
}

// PredictPath is where the replicas of inferences are proxied.
const PredictPath = "/predict"

func (o *Opened) resolve(d eventing.Destination) []string {
	if d.Ref == nil {
		return nil
	}
	return o.local.URLs(d.Ref.Name)
}

// program finds the program for training and inference.
func (e environment) program() (string, error) {
	if p := e.getenv("KAFKAML_TENSORFLOW"); p != "" {
		return p, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", &pipeline.Error{Op: "find kafkaml-tensorflow", Kind: pipeline.Unavailable, Err: err, Hint: "set KAFKAML_TENSORFLOW"}
	}
	if self, err = filepath.EvalSymlinks(self); err != nil { // kn-kafkaml may be a link to it
		return "", &pipeline.Error{Op: "find kafkaml-tensorflow", Kind: pipeline.Unavailable, Err: err, Hint: "set KAFKAML_TENSORFLOW"}
	}
	return filepath.Join(filepath.Dir(self), "kafkaml-tensorflow"), nil
}

// dispatch feeds control-log from the control topic where this process serves
// all steps; one step alone is triggered by its cluster.
func (o *Opened) dispatch(ctx context.Context, e environment) error {
	if o.dispatcher == nil || e.function != "" {
		return nil
	}
	topic := e.or("CONTROL_TOPIC", control.Topic)
	if err := o.Cluster.EnsureTopic(ctx, topic, 1); err != nil {
		return err
	}
	s, err := sources.ControlLog(topic, o.Cluster.Config().Brokers)
	if err != nil {
		return err
	}
	s.Spec.Sink = eventing.Destination{URI: e.origin + "/" + ControlLog + "/"}
	return o.dispatcher.Apply(ctx, s)
}

// proxy serves the replicas of inferences, nil where this process runs none.
func (o *Opened) proxy() http.Handler {
	if o.local == nil {
		return nil
	}
	return http.StripPrefix(PredictPath, o.local.Proxy())
}

// Close closes what was opened, the last first: the dispatcher before the
// processes that it delivers to, the stores at the end.
func (o *Opened) Close() (err error) {
	for i := len(o.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, o.closers[i]())
	}
	o.closers = nil
	return err
}
