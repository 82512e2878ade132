package functions

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// nameWithin is how many bytes of a message are looked at for the name of its model,
// which every library writes first.
const nameWithin = 512

// grpc passes a call of the Open Inference Protocol on to the inference that its
// message names, since it has no path of one. What is asked of the server alone,
// any inference answers.
func (h *Host) grpc(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(pipeline.GRPCMethods, strings.TrimPrefix(r.URL.Path, pipeline.GRPCService)) {
		output.NoSuchMethod(w, r)
		return
	}
	role := identity.Viewer
	if r.URL.Path == pipeline.GRPCInfer {
		role = identity.Editor
	}
	guard.Need(role, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var name string
		missing := &pipeline.Error{
			Op: "predict", Kind: pipeline.NotFound, Field: "model_name", Reason: "the call names no inference of this machine",
			Hint: "`kafkaml inferences list` has the names",
		}
		if strings.HasPrefix(r.URL.Path, pipeline.GRPCService+"Model") {
			name, r.Body = modelOf(r)
		} else {
			missing = &pipeline.Error{Op: "predict", Kind: pipeline.Unavailable, Reason: "no inference runs on this machine", Hint: "`kafkaml inferences create` makes one"}
			if all, err := h.parts.local.Names(r.Context()); err == nil {
				for _, names := range all {
					name = names[0]
				}
			}
		}
		if name == "" || strings.Contains(name, "/") {
			refuse(w, r, missing)
			return
		}
		r.URL.Path = PredictPath + "/" + name + r.URL.Path
		h.proxy(w, r)
	})).ServeHTTP(w, r)
}

// modelOf is the first string of a call's message, and the body as it was.
func modelOf(r *http.Request) (string, io.ReadCloser) {
	var seen bytes.Buffer
	body := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&seen, r.Body), r.Body}
	from := io.TeeReader(r.Body, &seen)
	var head [5]byte // whether the message is compressed, and its length
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return "", body
	}
	message := io.LimitReader(from, int64(binary.BigEndian.Uint32(head[1:])))
	if head[0] == 1 {
		unpacked, err := gzip.NewReader(message)
		if err != nil {
			return "", body
		}
		message = unpacked
	}
	start := make([]byte, nameWithin)
	n, _ := io.ReadFull(message, start) // shorter messages are the rule
	number, kind, tag := protowire.ConsumeTag(start[:n])
	if tag < 0 || number != 1 || kind != protowire.BytesType {
		return "", body
	}
	name, length := protowire.ConsumeString(start[tag:n])
	if length < 0 {
		return "", body
	}
	return name, body
}
