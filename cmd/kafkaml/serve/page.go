package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/ui"
)

// page serves the page and, under their names, the steps and the predict
// functions of a cluster, so that a browser and the command line need one
// address. FUNCTIONS_URL says where a step is, with its name in place of the
// star: http://*.kafkaml.svc.cluster.local.
func page(ctx context.Context, getenv func(string) string, frameworks framework.Registry, log *slog.Logger) error {
	where := getenv("FUNCTIONS_URL")
	if u, err := url.Parse(strings.ReplaceAll(where, "*", "name")); err != nil || u.Host == "" || !strings.Contains(where, "*") {
		return pipeline.Invalidf("FUNCTIONS_URL", "%q is not the URL of the functions", where).WithHint("such as http://*.kafkaml.svc.cluster.local")
	}
	people, err := gate(getenv)
	if err != nil {
		return err
	}
	handler := bounds.Walking.Wrap(people.Wrap(people.Account(pageHandler(where, getenv, frameworks, log))))
	certificate, err := door.OpenCertificate(getenv("KAFKAML_TLS_CERT"), getenv("KAFKAML_TLS_KEY"), log)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: net.JoinHostPort("", port(getenv)), Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", server.Addr)
	if err != nil {
		return err
	}
	listener = bounds.Listen(listener)
	ended := make(chan error, 1)
	go func() {
		if certificate == nil {
			ended <- server.Serve(listener)
			return
		}
		server.TLSConfig = certificate.Config()
		ended <- server.ServeTLS(listener, "", "")
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if server.Shutdown(drain) != nil {
		_ = server.Close() // event streams never end by themselves
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// gate lets in people. Sources and triggers bring their events to the functions
// themselves, and the page has not what it takes to know their tokens.
func gate(getenv func(string) string) (*guard.Guard, error) {
	access, err := guard.ReadSettings(getenv)
	if err != nil {
		return nil, err
	}
	access.Events = oidc.Config{}
	return access.Open(net.JoinHostPort("", port(getenv)))
}

func pageHandler(where string, getenv func(string) string, frameworks framework.Registry, log *slog.Logger) http.Handler {
	return pageOver(nil, where, getenv, frameworks, log)
}

// pageOver is the page that reaches the functions by a transport, the default
// one where it is nil.
func pageOver(over http.RoundTripper, where string, getenv func(string) string, frameworks framework.Registry, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	for _, step := range pipeline.Steps {
		mux.Handle("/"+step+"/", http.StripPrefix("/"+step, proxy(over, log, func(*http.Request) string { return strings.ReplaceAll(where, "*", step) })))
	}
	mux.Handle(functions.PredictPath+"/{name}/", predictions(over, where, log))
	config := client.ConfigBelow(strings.Split(getenv("KAFKA_BROKERS"), ","), getenv("CONTROL_TOPIC"), getenv(pipeline.TenantVariable))
	if m := inCluster.FindStringSubmatch(where); m != nil {
		config.Cluster = &client.ConfigCluster{Namespace: m[1], Server: strings.ReplaceAll(where, "*", "page")}
	}
	mux.Handle("/", ui.Handler(config))
	documents := guard.ByMethod(functions.Describe(frameworks))
	for _, name := range functions.Documents {
		mux.Handle("GET /"+name, documents)
	}
	for _, health := range []string{"GET /health/liveness", "GET /health/readiness"} {
		mux.HandleFunc(health, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}
	return mux
}

// inCluster finds the namespace in the URL of functions that Kubernetes names:
// there the page offers kubectl commands, too.
var inCluster = regexp.MustCompile(`^http://\*\.([a-z0-9-]+)\.svc\.`)

// label is what the name of a service may be: it becomes part of a host name.
var label = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// predictions passes on what is asked of an inference's predict function.
func predictions(over http.RoundTripper, where string, log *slog.Logger) http.Handler {
	to := proxy(over, log, func(r *http.Request) string {
		return strings.ReplaceAll(where, "*", pipeline.ServiceName(r.PathValue("name")))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if !label.MatchString(name) {
			http.NotFound(w, r)
			return
		}
		http.StripPrefix(functions.PredictPath+"/"+name, to).ServeHTTP(w, r)
	})
}

// proxy passes requests on to the URL that of gives. Events are passed on as
// they come.
func proxy(over http.RoundTripper, log *slog.Logger, of func(*http.Request) string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: over, FlushInterval: -1, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Rewrite: func(p *httputil.ProxyRequest) {
			target, err := url.Parse(of(p.In))
			if err != nil {
				return // checked at the start: the request then goes nowhere
			}
			p.SetURL(target) // Host too: Knative routes by it
			guard.Inward(p.Out)
			p.SetXForwarded()
		},
	}
}
