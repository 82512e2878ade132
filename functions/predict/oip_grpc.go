package predict

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/functions/predict/openinference"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The Open Inference Protocol over gRPC, on the port of everything else: HTTP/2
// without TLS.

const grpcService = pipeline.GRPCService

func (p *protocol) routeGRPC(mux *http.ServeMux) {
	unary(mux, "ServerLive", func(context.Context, *openinference.ServerLiveRequest) (*openinference.ServerLiveResponse, error) {
		return &openinference.ServerLiveResponse{Live: true}, nil
	})
	unary(mux, "ServerReady", func(ctx context.Context, _ *openinference.ServerReadyRequest) (*openinference.ServerReadyResponse, error) {
		return &openinference.ServerReadyResponse{Ready: p.ready(ctx) == nil}, nil
	})
	unary(mux, "ModelReady", func(ctx context.Context, r *openinference.ModelReadyRequest) (*openinference.ModelReadyResponse, error) {
		if err := p.names(r.GetName(), r.GetVersion()); err != nil {
			return nil, err
		}
		return &openinference.ModelReadyResponse{Ready: p.ready(ctx) == nil}, nil
	})
	unary(mux, "ServerMetadata", func(context.Context, *openinference.ServerMetadataRequest) (*openinference.ServerMetadataResponse, error) {
		return &openinference.ServerMetadataResponse{Name: serverName, Version: serverVersion, Extensions: extensions()}, nil
	})
	unary(mux, "ModelMetadata", p.modelMetadata)
	unary(mux, "ModelInfer", func(ctx context.Context, r *openinference.ModelInferRequest) (*openinference.ModelInferResponse, error) {
		ctx, span := called(ctx, "ModelInfer")
		response, err := p.modelInfer(ctx, r)
		hungUp(span, err)
		return response, err
	})
	mux.HandleFunc("POST "+grpcService, output.NoSuchMethod)
}

// unary serves a method to gRPC alone.
func unary[Request, Response any](mux *http.ServeMux, method string, call func(context.Context, *Request) (*Response, error)) {
	answer := func(ctx context.Context, r *Request) (*Response, error) {
		response, err := call(ctx, r)
		if err != nil {
			return nil, grpcError(err)
		}
		return response, nil
	}
	handler := connect.NewUnaryHandlerSimple(grpcService+method, answer, connect.WithReadMaxBytes(maxBody), connect.WithCodec(messages{}),
		connect.WithCompressMinBytes(math.MaxInt)) // an answer is too small to be worth the time
	mux.HandleFunc("POST "+grpcService+method, func(w http.ResponseWriter, r *http.Request) {
		if !isGRPC(r) {
			api.WriteProblem(w, http.StatusUnsupportedMediaType, pipeline.Invalidf("Content-Type", "is not that of gRPC").WithHint("over REST the protocol is at /v2"))
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func isGRPC(r *http.Request) bool {
	media := r.Header.Get("Content-Type")
	return media == "application/grpc" || strings.HasPrefix(media, "application/grpc+")
}

// grpcError gives an error its code.
func grpcError(err error) error {
	return connect.NewError(codeOf(err), errors.New(output.ReasonOf(err)))
}

func codeOf(err error) connect.Code {
	code := connect.CodeInternal
	switch kind := pipeline.KindOf(err); {
	case errors.Is(err, context.Canceled):
		code = connect.CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		code = connect.CodeDeadlineExceeded
	case kind == pipeline.Invalid:
		code = connect.CodeInvalidArgument
	case kind == pipeline.NotFound:
		code = connect.CodeNotFound
	case kind == pipeline.Unavailable:
		code = connect.CodeUnavailable
	}
	return code
}

func (p *protocol) modelMetadata(_ context.Context, r *openinference.ModelMetadataRequest) (*openinference.ModelMetadataResponse, error) {
	if err := p.names(r.GetName(), r.GetVersion()); err != nil {
		return nil, err
	}
	described := func(tensors []pipeline.Tensor) []*openinference.ModelMetadataResponse_TensorMetadata {
		var all []*openinference.ModelMetadataResponse_TensorMetadata
		for _, t := range metadataOf(tensors) {
			all = append(all, &openinference.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: wide(t.Shape)})
		}
		return all
	}
	return &openinference.ModelMetadataResponse{
		Name: p.model.job.Name, Versions: []string{p.model.version()}, Platform: p.model.protocol,
		Inputs: described(p.model.predictor.Inputs()), Outputs: described(p.model.predictor.Outputs()),
	}, nil
}

func wide(shape []int) []int64 {
	all := make([]int64, len(shape))
	for i, d := range shape {
		all[i] = int64(d)
	}
	return all
}

func (p *protocol) modelInfer(ctx context.Context, r *openinference.ModelInferRequest) (*openinference.ModelInferResponse, error) {
	err := p.names(r.GetModelName(), r.GetModelVersion())
	if err != nil {
		return nil, err
	}
	request, err := requestOf(r)
	if err != nil {
		return nil, err
	}
	a, err := p.predict(ctx, request)
	if err != nil {
		return nil, err
	}
	response := &openinference.ModelInferResponse{ModelName: p.model.job.Name, ModelVersion: p.model.version(), Id: r.GetId()}
	raw := len(r.GetRawInputContents()) > 0
	for _, result := range a.results { // those types have no contents of their own
		raw = raw || result.dtype == codec.Float16 || result.dtype == codec.BFloat16
	}
	for i := range a.results {
		result := &a.results[i]
		tensor := &openinference.ModelInferResponse_InferOutputTensor{
			Name: result.name, Datatype: datatypeOf(result.dtype), Shape: append([]int64{int64(a.rows)}, wide(result.shape)...),
		}
		if raw {
			response.RawOutputContents = append(response.RawOutputContents, result.raw())
		} else if tensor.Contents, err = contentsOf(result.dtype, result.raw()); err != nil {
			return nil, err
		}
		response.Outputs = append(response.Outputs, tensor)
	}
	return response, nil
}
