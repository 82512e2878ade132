package predict

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Config is the configuration of a predict process.
type Config struct {
	Job        pipeline.PredictJob
	Frameworks framework.Frameworks // of which the Job names one
	Kafka      stream.Config
	Schemas    schemas.Config
	Suspects   string       // File of suspects.Config
	Watched    bool         // Sure of it
	Artifacts  string       // URL of the store that holds the trained model
	Address    string       // to listen on
	Guard      *guard.Guard // before all that is served
	Log        *slog.Logger

	member *member // that joins the group while the model is opened, nil where none does
}

// ConfigFromEnv reads KAFKAML_PREDICT (a pipeline.PredictJob as JSON) or the
// file that KAFKAML_PREDICT_FILE names, ARTIFACT_URL, the KAFKA_ and the
// SCHEMA_REGISTRY_ variables, those of guard.ReadSettings, and LISTEN_ADDRESS or PORT (8080 unless given).
func ConfigFromEnv(getenv func(string) string, frameworks framework.Frameworks, log *slog.Logger) (Config, error) {
	c := Config{
		Frameworks: frameworks, Artifacts: getenv("ARTIFACT_URL"), Address: getenv("LISTEN_ADDRESS"),
		Suspects: getenv(platform.SuspectsVariable), Watched: getenv(platform.ParentVariable) != "", Log: log,
	}
	if err := platform.ReadDescription(getenv, platform.PredictVariable, &c.Job); err != nil {
		return c, err
	}
	if c.Artifacts == "" {
		return c, pipeline.Invalidf("ARTIFACT_URL", "is not set").WithHint("name the store that holds the trained models, such as file:///var/lib/kafkaml/artifacts")
	}
	for name, value := range map[string]string{"artifact": c.Job.Artifact, "input_topic": c.Job.InputTopic, "output_topic": c.Job.OutputTopic} {
		if value == "" {
			return c, pipeline.Invalidf("KAFKAML_PREDICT."+name, "is missing")
		}
	}
	if c.Job.DeadLetter == "" {
		c.Job.DeadLetter = pipeline.DeadLetterTopic(c.Job.InputTopic)
	}
	if c.Address == "" {
		port := getenv("PORT")
		if port == "" {
			port = strconv.Itoa(pipeline.DefaultPort)
		}
		c.Address = ":" + port
	}
	access, err := guard.ReadSettings(getenv)
	if err != nil {
		return c, err
	}
	if c.Guard, err = access.Open(c.Address); err != nil {
		return c, err
	}
	if c.Schemas, err = schemas.FromEnv(getenv); err != nil {
		return c, err
	}
	c.Kafka, err = stream.FromEnv(getenv)
	return c, err
}

const (
	// drainTime bounds the end: requests and batches under way.
	drainTime = 8 * time.Second
	// dialPause is how long a broker that is away is left alone.
	dialPause = time.Second
)

// Run serves an inference until ctx ends, then drains: it accepts nothing new,
// answers what it has accepted and commits. An error is why it could not serve.
func Run(ctx context.Context, c Config) error {
	if c.Guard == nil {
		var err error
		if c.Guard, err = (guard.Settings{}).Open(c.Address); err != nil {
			return err
		}
	}
	listener, err := listen(ctx, c.Address)
	if err != nil {
		return err
	}
	front := &front{}
	server := newServer(c.Guard.Wrap(front))
	server.ErrorLog = slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(bounds.Listen(listener)); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve HTTP: %w", err))
		}
	})
	err = serve(ctx, c, front, server, listener.Addr())
	_ = server.Close() // after serve has drained it
	serving.Wait()
	return err
}

func newServer(handler http.Handler) *http.Server {
	s := bounds.NewServer(bounds.Walking.Wrap(handler))
	s.ReadTimeout = 30 * time.Second
	return s
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &pipeline.Error{Op: "listen", Kind: pipeline.Unavailable, Field: "PORT", Reason: address + " is in use", Hint: "end what listens there, or set another PORT", Err: err}
	}
	if err != nil {
		return nil, &pipeline.Error{Op: "listen", Kind: pipeline.Invalid, Field: "PORT", Err: err}
	}
	return l, nil
}

// serve opens the service, lets requests in and waits for the end of ctx.
func serve(ctx context.Context, c Config, front *front, server *http.Server, at net.Addr) error {
	began := time.Now()
	s, cluster, err := open(ctx, c)
	if err != nil {
		if ctx.Err() != nil { // asked to end before it had started
			return causeOf(ctx)
		}
		return err
	}
	defer func() { _ = cluster.Close() }() // idle connections only
	front.service.Store(new(s.handler()))
	c.Log.Info("serving", "inference", c.Job.Inference, "name", c.Job.Name, "address", at.String(), "delivery", c.Job.Delivery,
		"input", c.Job.InputTopic, "output", c.Job.OutputTopic, "seconds", time.Since(began).Seconds())
	var consuming sync.WaitGroup
	if s.direct != nil {
		consuming.Go(func() { s.direct.run(ctx) })
	}
	consuming.Go(func() { s.settle(ctx) })
	if err := s.calls.await(ctx); err != nil {
		c.Log.Error("the process ends, since the model does not answer any more", "error", err)
		return err // nothing is drained: the call under way does not end
	}
	s.model.suspects.Told()
	c.Log.Info("draining")
	if err := drain(ctx, s, server, &consuming, drainTime); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return causeOf(ctx)
}

// settleTime is when a start without records is over.
const settleTime = time.Second

// settle gives back what the start took, once the first records are answered: they
// are not to wait for it.
func (s *service) settle(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.metrics.first:
	case <-time.After(settleTime):
	}
	giveBack()
}

// drain answers what has been accepted and closes the service. Work that does not
// end in time is left to the process that takes over.
func drain(ctx context.Context, s *service, server *http.Server, consuming *sync.WaitGroup, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	drained := make(chan error, 1)
	go func() { // the process ends with it, or soon after
		stopped := server.Shutdown(ctx)
		consuming.Wait()
		drained <- errors.Join(stopped, s.close())
	}()
	select {
	case err := <-drained:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-drained: // both at once
		return err
	case <-time.After(time.Second):
		return &pipeline.Error{
			Op: "predict", Kind: pipeline.Unavailable, Reason: fmt.Sprintf("what was under way did not end within %v", within),
			Hint: "its records are read again: their offsets were not committed",
		}
	}
}

// causeOf is nil where ctx was just ended.
func causeOf(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// front answers for the service while it is not open yet.
type front struct{ service atomic.Pointer[http.Handler] }

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := f.service.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	switch r.URL.Path {
	case "/health/liveness":
		alive(w, r)
	case "/v2/health/live":
		protocolLive(w, r)
	default:
		writeRefused(w, r, http.StatusServiceUnavailable, &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Reason: "the model is being opened"})
	}
}
