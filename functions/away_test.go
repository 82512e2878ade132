package functions

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/functions/predict/openinference"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// An inference that does not exist is not found; one that does, but of which no
// replica is ready, may be asked again, and says what it waits for. Each in the
// form of the protocol.
func TestNoReplicaAnswers(t *testing.T) {
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := local.New(local.Config{Dir: t.TempDir(), Scratch: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{parts: parts{store: store}}
	h.runHere(p)
	h.parts.onClose(p.Close)
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := store.Do(t.Context(), func(tx *registry.Tx) error {
		_, r, err := registrytest.Deployed(tx, pipeline.Model{Name: "m"})
		if err != nil {
			return err
		}
		for _, i := range []pipeline.Inference{
			{Name: "stopped", Status: pipeline.InferenceStopped},
			{Name: "failing", Status: pipeline.InferenceFailed, Reason: "the model cannot be opened"},
			{Name: "starting"},
		} {
			i.Result = r.ID
			if err := tx.CreateInference(&i); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	if h.config.Guard, err = (guard.Settings{}).Open(server.URL); err != nil {
		t.Fatal(err)
	}
	h.protect()
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	infer := connect.NewClient[openinference.ModelInferRequest, openinference.ModelInferResponse](&http.Client{Transport: transport}, server.URL+pipeline.GRPCInfer, connect.WithGRPC())
	for _, c := range []struct {
		name   string
		status int
		code   connect.Code
		says   string
	}{
		{"none", 404, connect.CodeNotFound, `there is none named "none": ` + "`kafkaml inferences list`"},
		{"%ff%00", 404, connect.CodeNotFound, ""},
		{"stopped", 503, connect.CodeUnavailable, `"stopped" is stopped: ` + "`kafkaml inferences start 1`"},
		{"failing", 503, connect.CodeUnavailable, "the model cannot be opened"},
		{"starting", 503, connect.CodeUnavailable, `no replica of "starting" is ready`},
	} {
		for path, form := range map[string]string{"/v2/models/" + c.name + "/infer": `{"error":"`, "/": `"detail":"`} {
			answer, err := http.Post(server.URL+PredictPath+"/"+c.name+path, "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			said := strings.ReplaceAll(string(body), `\"`, `"`)
			if err != nil || answer.StatusCode != c.status || !strings.Contains(said, form) || path != "/" && !strings.Contains(said, c.says) ||
				(answer.Header.Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("%s%s: %d %v %s %v", c.name, path, answer.StatusCode, answer.Header, body, err)
			}
		}
		_, err := infer.CallUnary(t.Context(), connect.NewRequest(&openinference.ModelInferRequest{ModelName: c.name}))
		if failed := (*connect.Error)(nil); !errors.As(err, &failed) || failed.Code() != c.code || !strings.Contains(failed.Message(), c.says) {
			t.Errorf("%s over gRPC: %v", c.name, err)
		}
	}
	if _, err := infer.CallUnary(t.Context(), connect.NewRequest(&openinference.ModelInferRequest{})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("without a name over gRPC: %v", err)
	}
	for _, method := range []string{"ModelStatistics", "RepositoryIndex", "ModelStreamInfer"} {
		url := server.URL + pipeline.GRPCService + method
		other := connect.NewClient[openinference.ModelInferRequest, openinference.ModelInferResponse](&http.Client{Transport: transport}, url, connect.WithGRPC())
		stream := other.CallBidiStream(t.Context())                                                                             // open for more, as Triton's client has it
		if err := stream.Send(&openinference.ModelInferRequest{ModelName: "starting"}); err != nil && !errors.Is(err, io.EOF) { // the answer may come first
			t.Fatal(err)
		}
		if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnimplemented || !strings.Contains(err.Error(), "ModelInfer") {
			t.Errorf("%s: %v", method, err)
		}
	}
}
