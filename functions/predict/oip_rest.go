package predict

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// The Open Inference Protocol over REST. Tensors are JSON, or binary data after
// the JSON (Triton's extension).

func (p *protocol) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /v2", p.describeServer)
	mux.HandleFunc("GET /v2/health/live", protocolLive)
	mux.HandleFunc("GET /v2/health/ready", p.serverReady)
	mux.HandleFunc("GET /v2/models", p.listModels)
	mux.HandleFunc("POST /v2/repository/index", p.index)
	for _, base := range []string{"/v2/models/{name}", "/v2/models/{name}/versions/{version}"} {
		mux.HandleFunc("GET "+base, p.named(p.describeModel))
		mux.HandleFunc("GET "+base+"/ready", p.named(p.modelReady))
		mux.HandleFunc("POST "+base+"/infer", p.named(p.infer))
	}
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		writeRefusal(w, &pipeline.Error{Kind: pipeline.NotFound, Reason: "there is nothing at " + r.Method + " " + r.URL.Path, Hint: "the model is at /v2/models/" + p.model.job.Name})
	})
}

// named answers 404 where the path names another model or version.
func (p *protocol) named(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := p.names(r.PathValue("name"), r.PathValue("version")); err != nil {
			writeRefusal(w, err)
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
	}{serverName, serverVersion, extensions()})
}

func protocolLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]bool{"live": true})
}

// serverReady tells by two names: the specification has live here, and clients
// read ready.
func (p *protocol) serverReady(w http.ResponseWriter, r *http.Request) {
	if err := p.ready(r.Context()); err != nil {
		output.WriteRefusal(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, struct {
		Name  string `json:"name"`
		Live  bool   `json:"live"`
		Ready bool   `json:"ready"`
	}{p.model.job.Name, true, true})
}

func (p *protocol) modelReady(w http.ResponseWriter, r *http.Request) {
	if err := p.ready(r.Context()); err != nil {
		output.WriteRefusal(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{p.model.job.Name, true})
}

func (p *protocol) listModels(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string][]string{"models": {p.model.job.Name}})
}

// index lists the model as the extension for model repositories does.
func (p *protocol) index(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Ready bool `json:"ready"`
	}
	body, err := readBody(r)
	if err == nil && len(body) > 0 {
		err = unmarshal(body, &asked)
	}
	if err != nil {
		writeRefusal(w, err)
		return
	}
	type entry struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		State   string `json:"state"`
		Reason  string `json:"reason"`
	}
	all := []entry{{p.model.job.Name, p.model.version(), "READY", ""}}
	if err := p.ready(r.Context()); err != nil {
		all[0].State, all[0].Reason = "UNAVAILABLE", output.ReasonOf(err)
		if asked.Ready {
			all = all[:0]
		}
	}
	writeJSON(w, all)
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

// infer answers POST /v2/models/{name}/infer.
func (p *protocol) infer(w http.ResponseWriter, r *http.Request) {
	ctx, span := asked(r)
	request, err := readInferRequest(r, p.model.predictor.Inputs())
	var a answer
	if err == nil {
		a, err = p.predict(ctx, request)
	}
	tracing.Answered(span, refusalOf(err), err)
	if err != nil {
		writeRefusal(w, err)
		return
	}
	body, header := appendAnswer(nil, p.model, request, a)
	w.Header().Set("Content-Type", "application/json")
	if header != len(body) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(headerLength, strconv.Itoa(header))
	}
	_, _ = w.Write(body) // the client may be gone
}

// writeRefusal answers with an error as the protocol has it.
func writeRefusal(w http.ResponseWriter, err error) { output.WriteRefusal(w, refusalOf(err), err) }

// refusalOf is the status that an error is answered with, 200 for none.
func refusalOf(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case pipeline.KindOf(err) == pipeline.NotFound:
		return http.StatusNotFound
	}
	return statusOf(err, http.StatusBadRequest)
}

// appendAnswer writes the answer: JSON, whose data is flat and row-major, up to
// header, and the binary data after it.
func appendAnswer(dst []byte, m *model, request *inferRequest, a answer) (body []byte, header int) {
	dst = append(dst, `{"model_name":`...)
	dst = appendString(dst, m.job.Name)
	dst = append(append(append(dst, `,"model_version":"`...), m.version()...), '"')
	if request.ID != "" {
		dst = appendString(append(dst, `,"id":`...), request.ID)
	}
	dst = append(dst, `,"outputs":[`...)
	var binary [][]byte
	for i := range a.results {
		r := &a.results[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"name":`...), r.name)
		dst = append(append(append(dst, `,"datatype":"`...), datatypeOf(r.dtype)...), `","shape":[`...)
		dst = strconv.AppendInt(dst, int64(a.rows), 10)
		for _, d := range r.shape {
			dst = strconv.AppendInt(append(dst, ','), int64(d), 10)
		}
		if request.wantsBinary(r.name) {
			data := r.raw()
			binary = append(binary, data)
			dst = strconv.AppendInt(append(dst, `],"parameters":{"binary_data_size":`...), int64(len(data)), 10)
			dst = append(dst, `}}`...)
			continue
		}
		dst = append(r.appendData(append(dst, `],"data":[`...)), `]}`...)
	}
	dst = append(dst, `]}`...)
	header = len(dst)
	for _, data := range binary {
		dst = append(dst, data...)
	}
	return dst, header
}

// raw is the output as the protocol's binary forms have it: little-endian and
// row-major, text with the length of each element before it.
func (r *result) raw() []byte {
	if r.dtype == codec.String {
		return slices.Concat(r.texts...)
	}
	return r.data
}

func (r *result) appendData(dst []byte) []byte {
	if r.dtype == codec.String {
		return output.AppendTexts(dst, r.raw())
	}
	return output.AppendNumbers(dst, r.dtype, r.data)
}

func appendString(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(dst, quoted...)
}
