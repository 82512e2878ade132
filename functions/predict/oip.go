package predict

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The Open Inference Protocol, version 2, over REST: one model, under the name
// of the inference; its only version is the id of the result it serves. Tensors
// are JSON; the binary extension is not supported.

// protocol serves it.
type protocol struct {
	model    *model
	requests *requests
	ready    func(context.Context) error // nil while a record that comes now would be predicted
}

func (p *protocol) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /v2", p.describeServer)
	mux.HandleFunc("GET /v2/health/live", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]bool{"live": true}) })
	mux.HandleFunc("GET /v2/health/ready", p.protocolReady)
	for _, base := range []string{"/v2/models/{name}", "/v2/models/{name}/versions/{version}"} {
		mux.HandleFunc("GET "+base, p.named(p.describeModel))
		mux.HandleFunc("GET "+base+"/ready", p.named(p.protocolReady))
		mux.HandleFunc("POST "+base+"/infer", p.named(p.infer))
	}
}

// named answers 404 where the path names another model or version.
func (p *protocol) named(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		version := r.PathValue("version")
		if r.PathValue("name") != p.model.job.Name || version != "" && version != p.model.version() {
			writeRefusal(w, http.StatusNotFound, errors.New("the model here is "+p.model.job.Name+", version "+p.model.version()))
			return
		}
		next(w, r)
	}
}

func (p *protocol) describeServer(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{"kafkaml", "2", []string{}})
}

func (p *protocol) protocolReady(w http.ResponseWriter, r *http.Request) {
	if err := p.ready(r.Context()); err != nil {
		writeRefusal(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{p.model.job.Name, true})
}

type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"` // batch dimension first, -1 where open
}

func (p *protocol) describeModel(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		Name     string           `json:"name"`
		Versions []string         `json:"versions"`
		Platform string           `json:"platform"`
		Inputs   []tensorMetadata `json:"inputs"`
		Outputs  []tensorMetadata `json:"outputs"`
	}{p.model.job.Name, []string{p.model.version()}, p.model.protocol, metadataOf(p.model.predictor.Inputs()), metadataOf(p.model.predictor.Outputs())})
}

func metadataOf(tensors []pipeline.Tensor) []tensorMetadata {
	all := make([]tensorMetadata, len(tensors))
	for i, t := range tensors {
		d, _ := codec.ParseDType(t.DType) // of the model's own signature
		all[i] = tensorMetadata{t.Name, datatypeOf(d), append([]int{-1}, t.Shape...)}
	}
	return all
}

// infer answers POST /v2/models/{name}/infer.
func (p *protocol) infer(w http.ResponseWriter, r *http.Request) {
	var request inferRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		writeRefusal(w, statusOf(&pipeline.Error{Kind: pipeline.Invalid, Err: err}, http.StatusBadRequest), err)
		return
	}
	in, err := readTensors(request.Inputs, p.model.predictor.Inputs())
	if err == nil {
		err = checkAsked(request.Outputs, p.model.predictor.Outputs())
	}
	if err != nil {
		writeRefusal(w, http.StatusBadRequest, err)
		return
	}
	results, err := p.requests.infer(r.Context(), in)
	if err != nil {
		writeRefusal(w, statusOf(err, http.StatusBadRequest), err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(appendResponse(nil, p.model, request, in.rows, results)) // the client may be gone
}

// writeRefusal answers with an error as the protocol has it.
func writeRefusal(w http.ResponseWriter, status int, err error) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": output.ReasonOf(err)})
}

// appendResponse writes the answer; data is flat, row-major.
func appendResponse(dst []byte, m *model, request inferRequest, rows int, results []result) []byte {
	dst = append(dst, `{"model_name":`...)
	dst = appendString(dst, m.job.Name)
	dst = append(append(append(dst, `,"model_version":"`...), m.version()...), '"')
	if request.ID != "" {
		dst = appendString(append(dst, `,"id":`...), request.ID)
	}
	dst = append(dst, `,"outputs":[`...)
	first := true
	for _, r := range results {
		if len(request.Outputs) > 0 && !slices.Contains(request.Outputs, inferOutput{r.name}) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(append(dst, `{"name":`...), r.name)
		dst = append(append(append(dst, `,"datatype":"`...), datatypeOf(r.dtype)...), `","shape":[`...)
		dst = strconv.AppendInt(dst, int64(rows), 10)
		for _, d := range r.shape {
			dst = strconv.AppendInt(append(dst, ','), int64(d), 10)
		}
		dst = append(r.appendData(append(dst, `],"data":[`...)), `]}`...)
	}
	return append(dst, `]}`...)
}

func (r *result) appendData(dst []byte) []byte {
	if r.dtype == codec.String {
		return output.AppendTexts(dst, slices.Concat(r.texts...))
	}
	return output.AppendNumbers(dst, r.dtype, r.data)
}

func appendString(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(dst, quoted...)
}
