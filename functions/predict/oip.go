package predict

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The Open Inference Protocol, version 2, over REST: one model, under the name
// of the inference; its only version is the id of the result it serves. Tensors
// are JSON; the binary extension is not taken.

// datatypes are the protocol's names of the types; BYTES has no numbers.
var datatypes = map[string]codec.DType{
	"BOOL":  codec.Bool,
	"UINT8": codec.Uint8, "UINT16": codec.Uint16, "UINT32": codec.Uint32, "UINT64": codec.Uint64,
	"INT8": codec.Int8, "INT16": codec.Int16, "INT32": codec.Int32, "INT64": codec.Int64,
	"FP16": codec.Float16, "FP32": codec.Float32, "FP64": codec.Float64, "BF16": codec.BFloat16,
}

func datatypeOf(d codec.DType) string {
	for name, have := range datatypes {
		if have == d {
			return name
		}
	}
	return ""
}

func (s *Service) routeInference(mux *http.ServeMux) {
	mux.HandleFunc("GET /v2", s.describeServer)
	mux.HandleFunc("GET /v2/health/live", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]bool{"live": true}) })
	mux.HandleFunc("GET /v2/health/ready", s.protocolReady)
	for _, base := range []string{"/v2/models/{name}", "/v2/models/{name}/versions/{version}"} {
		mux.HandleFunc("GET "+base, s.named(s.describeModel))
		mux.HandleFunc("GET "+base+"/ready", s.named(s.protocolReady))
		mux.HandleFunc("POST "+base+"/infer", s.named(s.infer))
	}
}

// named answers 404 where the path names another model or version.
func (s *Service) named(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		version := r.PathValue("version")
		if r.PathValue("name") != s.job.Name || version != "" && version != s.version() {
			writeRefusal(w, http.StatusNotFound, errors.New("the model here is "+s.job.Name+", version "+s.version()))
			return
		}
		next(w, r)
	}
}

func (s *Service) version() string { return strconv.FormatInt(s.job.Result, 10) }

func (s *Service) describeServer(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{"kafkaml", "2", []string{}})
}

func (s *Service) protocolReady(w http.ResponseWriter, r *http.Request) {
	if err := s.ready(r.Context()); err != nil {
		writeRefusal(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{s.job.Name, true})
}

type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"` // batch dimension first, -1 where open
}

func (s *Service) describeModel(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		Name     string           `json:"name"`
		Versions []string         `json:"versions"`
		Platform string           `json:"platform"`
		Inputs   []tensorMetadata `json:"inputs"`
		Outputs  []tensorMetadata `json:"outputs"`
	}{s.job.Name, []string{s.version()}, "tensorflow_savedmodel", metadataOf(s.predictor.Inputs()), metadataOf(s.predictor.Outputs())})
}

func metadataOf(tensors []pipeline.Tensor) []tensorMetadata {
	all := make([]tensorMetadata, len(tensors))
	for i, t := range tensors {
		d, _ := codec.ParseDType(t.DType) // of the model's own signature
		all[i] = tensorMetadata{t.Name, datatypeOf(d), append([]int{-1}, t.Shape...)}
	}
	return all
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// writeRefusal answers with an error as the protocol has it.
func writeRefusal(w http.ResponseWriter, status int, err error) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": reasonOf(err)})
}
