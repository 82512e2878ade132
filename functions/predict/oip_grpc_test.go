package predict

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kafkaml/kafkaml/functions/predict/openinference"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// overHTTP2 speaks HTTP/2 without TLS, as gRPC does.
func overHTTP2(t testing.TB) *http.Client {
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// call makes one gRPC call.
func call[Request, Response any](t testing.TB, client *http.Client, url, method string, r *Request) (*Response, error) {
	t.Helper()
	response, err := connect.NewClient[Request, Response](client, url+grpcService+method, connect.WithGRPC()).CallUnary(t.Context(), connect.NewRequest(r))
	if err != nil {
		return nil, err
	}
	return response.Msg, nil
}

func checkInferred(t testing.TB, model string, r *openinference.ModelInferResponse, records []int) {
	t.Helper()
	for i, o := range r.GetOutputs() {
		var raw []byte
		if o.GetContents() == nil {
			raw = r.GetRawOutputContents()[i]
		} else {
			var err error
			if _, raw, err = stored(o.GetContents().GetFp32Contents()); err != nil {
				t.Fatal(err)
			}
		}
		values := make([]byte, 2*len(raw))
		if err := codec.Cast(values, codec.Float64, raw, codec.Float32); err != nil {
			t.Fatal(err)
		}
		var want []float64
		for _, i := range records {
			want = append(want, tensorflowtest.Flat(t, tensorflowtest.Load(t, model).Outputs[o.GetName()][i])...)
		}
		have, err := loaded[float64](values, codec.Float64, codec.Float64)
		if err != nil || o.GetDatatype() != "FP32" || o.GetShape()[0] != int64(len(records)) {
			t.Errorf("%s: %s %v %v", o.GetName(), o.GetDatatype(), o.GetShape(), err)
		}
		closeTo(t, have, want)
	}
}

// Typed and raw contents of all types that hold the numbers give what REST
// gives, in the form that they came in.
func TestGRPCInfers(t *testing.T) {
	url := strings.TrimSuffix(servedOfJSON(t, "several"), "/v2/models/inference-7")
	client := overHTTP2(t)
	records := []int{4, 0, 2}
	leftData := recorded(t, "several", "left", codec.Float32, records)
	left, err := loaded[float32](leftData, codec.Float32, codec.Float32)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []codec.DType{codec.Int8, codec.Int16, codec.Int32, codec.Int64, codec.Float32, codec.Float64, codec.Float16} {
		rightData := recorded(t, "several", "right", d, records)
		right := &openinference.ModelInferRequest_InferInputTensor{Name: "right", Datatype: datatypeOf(d), Shape: []int64{3, 3}}
		request := &openinference.ModelInferRequest{
			ModelName: "inference-7", ModelVersion: "latest", Id: "me",
			Inputs:           []*openinference.ModelInferRequest_InferInputTensor{right, {Name: "left", Datatype: "FP32", Shape: []int64{3, 2}}},
			RawInputContents: [][]byte{rightData, leftData},
		}
		got, err := call[openinference.ModelInferRequest, openinference.ModelInferResponse](t, client, url, "ModelInfer", request)
		if err != nil {
			t.Fatal(d, err)
		}
		checkInferred(t, "several", got, records)
		if got.GetId() != "me" || got.GetModelVersion() != "3" || len(got.GetOutputs()) != 2 || len(got.GetRawOutputContents()) != 2 {
			t.Errorf("%v", got)
		}
		if d == codec.Float16 {
			continue // has no contents of its own
		}
		request.RawInputContents = nil
		request.Outputs = []*openinference.ModelInferRequest_InferRequestedOutputTensor{{Name: "total"}}
		request.Inputs[1].Contents = &openinference.InferTensorContents{Fp32Contents: left}
		if right.Contents, err = contentsOf(d, rightData); err != nil {
			t.Fatal(err)
		}
		if got, err = call[openinference.ModelInferRequest, openinference.ModelInferResponse](t, client, url, "ModelInfer", request); err != nil {
			t.Fatal(d, err)
		}
		checkInferred(t, "several", got, records)
		if len(got.GetOutputs()) != 1 || got.GetOutputs()[0].GetContents() == nil || got.GetRawOutputContents() != nil {
			t.Errorf("%v", got)
		}
	}
}

// Contents of each type come through both ways as they are.
func TestContents(t *testing.T) {
	for datatype, d := range datatypes {
		raw := []byte{0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1}
		if d == codec.String {
			raw = codec.AppendText(codec.AppendText(nil, "a\xff"), "")
		}
		c, err := contentsOf(d, raw)
		if own := d != codec.Float16 && d != codec.BFloat16; err != nil || !own {
			if own {
				t.Error(datatype, err)
			}
			continue
		}
		if got, err := rawOf(c, datatype); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: %x, want %x (%v)", datatype, got, raw, err)
		}
	}
}

func TestGRPCDescribes(t *testing.T) {
	url := strings.TrimSuffix(servedOfJSON(t, "several"), "/v2/models/inference-7")
	client := overHTTP2(t)
	live, err := call[openinference.ServerLiveRequest, openinference.ServerLiveResponse](t, client, url, "ServerLive", &openinference.ServerLiveRequest{})
	if err != nil || !live.GetLive() {
		t.Error(live, err)
	}
	ready, err := call[openinference.ServerReadyRequest, openinference.ServerReadyResponse](t, client, url, "ServerReady", &openinference.ServerReadyRequest{})
	if err != nil || !ready.GetReady() {
		t.Error(ready, err)
	}
	server, err := call[openinference.ServerMetadataRequest, openinference.ServerMetadataResponse](t, client, url, "ServerMetadata", &openinference.ServerMetadataRequest{})
	if err != nil || server.GetName() != "kafkaml" || server.GetVersion() != "2" {
		t.Error(server, err)
	}
	model, err := call[openinference.ModelReadyRequest, openinference.ModelReadyResponse](t, client, url, "ModelReady", &openinference.ModelReadyRequest{Name: "inference-7", Version: "3"})
	if err != nil || !model.GetReady() {
		t.Error(model, err)
	}
	described, err := call[openinference.ModelMetadataRequest, openinference.ModelMetadataResponse](t, client, url, "ModelMetadata", &openinference.ModelMetadataRequest{Name: "inference-7"})
	if err != nil {
		t.Fatal(err)
	}
	want := &openinference.ModelMetadataResponse{
		Name: "inference-7", Versions: []string{"3"}, Platform: "tensorflow_savedmodel",
		Inputs: []*openinference.ModelMetadataResponse_TensorMetadata{
			{Name: "left", Datatype: "FP32", Shape: []int64{-1, 2}}, {Name: "right", Datatype: "INT32", Shape: []int64{-1, 3}},
		},
		Outputs: []*openinference.ModelMetadataResponse_TensorMetadata{
			{Name: "grid", Datatype: "FP32", Shape: []int64{-1, 2, 2}}, {Name: "total", Datatype: "FP32", Shape: []int64{-1, 1}},
		},
	}
	if !proto.Equal(want, described) {
		t.Error(described)
	}
}

func TestGRPCRefuses(t *testing.T) {
	url := serveHTTP(t, start(t, nil, "words", newJob(t, nil, "words", 0))).URL
	client := overHTTP2(t)
	name := tensorflowtest.Load(t, "words").Export.Inputs[0].Name
	ids := &openinference.InferTensorContents{IntContents: []int32{1, 2, 3, 0}}
	type input = openinference.ModelInferRequest_InferInputTensor
	one := func(datatype string, shape []int64, c *openinference.InferTensorContents, raw ...[]byte) *openinference.ModelInferRequest {
		return &openinference.ModelInferRequest{ModelName: "inference-7", Inputs: []*input{{Name: name, Datatype: datatype, Shape: shape, Contents: c}}, RawInputContents: raw}
	}
	yes := map[string]*openinference.InferParameter{"shared_memory_region": {}, "classification": {}}
	with := func(r *openinference.ModelInferRequest, change func(*openinference.ModelInferRequest)) *openinference.ModelInferRequest {
		change(r)
		return r
	}
	texts := &openinference.InferTensorContents{BytesContents: make([][]byte, maxFields)}
	cases := map[string]struct {
		request *openinference.ModelInferRequest
		code    connect.Code
		want    string
	}{
		"another model":    {&openinference.ModelInferRequest{ModelName: "other"}, connect.CodeNotFound, "the model is inference-7"},
		"another version":  {&openinference.ModelInferRequest{ModelName: "inference-7", ModelVersion: "9"}, connect.CodeNotFound, "the version is 3"},
		"no inputs":        {&openinference.ModelInferRequest{ModelName: "inference-7"}, connect.CodeInvalidArgument, "takes 1"},
		"no contents":      {one("INT32", []int64{1, 4}, nil), connect.CodeInvalidArgument, name + `": data: has 0 bytes, and 4 elements of INT32 have 16`},
		"other contents":   {one("FP32", []int64{1, 4}, ids), connect.CodeInvalidArgument, "4 elements are of another member than that of FP32"},
		"out of its type":  {one("INT8", []int64{1, 4}, &openinference.InferTensorContents{IntContents: []int32{1, 2, 3, 400}}), connect.CodeInvalidArgument, "does not fit int8"},
		"half by contents": {one("FP16", []int64{1, 4}, ids), connect.CodeInvalidArgument, "raw_input_contents"},
		"no such type":     {one("FP8", []int64{1, 4}, ids), connect.CodeInvalidArgument, `"FP8"`},
		"both":             {one("INT32", []int64{1, 4}, ids, make([]byte, 16)), connect.CodeInvalidArgument, "the one or the other"},
		"raw twice":        {one("INT32", []int64{1, 4}, nil, make([]byte, 16), nil), connect.CodeInvalidArgument, "there are 2, and 1 inputs"},
		"raw too short":    {one("INT32", []int64{1, 4}, nil, make([]byte, 15)), connect.CodeInvalidArgument, "15 bytes"},
		"another shape":    {one("INT32", []int64{1, 1 << 40}, ids), connect.CodeInvalidArgument, "too large"},
		"a negative size":  {one("INT32", []int64{1, -4}, ids), connect.CodeInvalidArgument, "too large"},
		"the graph fails":  {one("INT32", []int64{1, 4}, &openinference.InferTensorContents{IntContents: []int32{1, 2, 3, 99}}), connect.CodeInvalidArgument, "99"},
		"shared memory":    {with(one("INT32", []int64{1, 4}, nil), func(r *openinference.ModelInferRequest) { r.Inputs[0].Parameters = yes }), connect.CodeInvalidArgument, "shared memory"},
		"an unknown output": {with(one("INT32", []int64{1, 4}, ids), func(r *openinference.ModelInferRequest) {
			r.Outputs = []*openinference.ModelInferRequest_InferRequestedOutputTensor{{Name: "x"}}
		}), connect.CodeInvalidArgument, `no output "x"`},
		"classes": {with(one("INT32", []int64{1, 4}, ids), func(r *openinference.ModelInferRequest) {
			r.Outputs = []*openinference.ModelInferRequest_InferRequestedOutputTensor{{Name: tensorflowtest.Load(t, "words").Export.Outputs[0].Name, Parameters: yes}}
		}), connect.CodeInvalidArgument, "classification"},
		"too many texts": {one("BYTES", []int64{1, maxFields}, texts), connect.CodeInvalidArgument, "too many fields"},
		"too large":      {one("INT32", []int64{1, 4}, nil, make([]byte, maxBody)), connect.CodeResourceExhausted, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := call[openinference.ModelInferRequest, openinference.ModelInferResponse](t, client, url, "ModelInfer", c.request)
			if connect.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s and %q", err, c.code, c.want)
			}
		})
	}
	_, err := call[openinference.ModelReadyRequest, openinference.ModelReadyResponse](t, client, url, "ModelReady", &openinference.ModelReadyRequest{Name: "x"})
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Error(err)
	}
	_, err = call[openinference.ModelReadyRequest, openinference.ModelReadyResponse](t, client, url, "RepositoryModelLoad", &openinference.ModelReadyRequest{})
	if connect.CodeOf(err) != connect.CodeUnimplemented || !strings.Contains(err.Error(), "ModelInfer") {
		t.Error(err)
	}
	for _, method := range pipeline.GRPCMethods { // each is served, and named by the answer above
		if _, err := call[openinference.ServerLiveRequest, openinference.ServerLiveResponse](t, client, url, method, &openinference.ServerLiveRequest{}); connect.CodeOf(err) == connect.CodeUnimplemented {
			t.Error(method, err)
		}
	}
	stream := connect.NewClient[openinference.ModelInferRequest, openinference.ModelInferResponse](client, url+grpcService+"ModelStreamInfer", connect.WithGRPC()).CallBidiStream(t.Context())
	if err := stream.Send(one("INT32", []int64{1, 4}, ids)); err != nil && !errors.Is(err, io.EOF) { // the answer may come first
		t.Fatal(err)
	}
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnimplemented { // while more may be sent
		t.Error(err)
	}
}

// What is no message, and what does not come by gRPC, is refused.
func TestGRPCRefusesWhatIsNone(t *testing.T) {
	url := serveHTTP(t, start(t, nil, "small", newJob(t, nil, "small", 0))).URL + grpcService + "ModelInfer"
	for name, c := range map[string]struct {
		media, body string
		status      int
		code        string
	}{
		"nothing":         {"application/grpc", "", http.StatusOK, "12"},
		"half a head":     {"application/grpc", "\x00\x00", http.StatusOK, "13"},
		"no whole one":    {"application/grpc", "\x00\x00\x00\x00\x09a", http.StatusOK, "13"},
		"no message":      {"application/grpc+proto", "\x00\x00\x00\x00\x02\xff\xff", http.StatusOK, "3"},
		"said to be huge": {"application/grpc", "\x00\xff\xff\xff\xffa", http.StatusOK, "8"},
		"of the web":      {"application/grpc-web", "\x00\x00\x00\x00\x00", http.StatusUnsupportedMediaType, ""},
		"JSON":            {"application/json", "{}", http.StatusUnsupportedMediaType, ""},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.media)
			resp, err := overHTTP2(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			code := resp.Trailer.Get("Grpc-Status") + resp.Header.Get("Grpc-Status")
			if err != nil || resp.StatusCode != c.status || code != c.code {
				t.Errorf("%d, code %q: %v", resp.StatusCode, code, err)
			}
		})
	}
}

// Many calls on one connection share batches, and one that is given up ends alone.
func TestGRPCCallsAreConcurrent(t *testing.T) {
	url := serveHTTP(t, start(t, nil, "small", newJob(t, nil, "small", 0))).URL
	client := overHTTP2(t)
	name := tensorflowtest.Load(t, "small").Export.Inputs[0].Name
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := connect.NewClient[openinference.ServerLiveRequest, openinference.ServerLiveResponse](client, url+grpcService+"ServerLive", connect.WithGRPC()).
		CallUnary(ended, connect.NewRequest(&openinference.ServerLiveRequest{}))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var calls sync.WaitGroup
	for i := range 100 {
		calls.Go(func() {
			records := []int{i % 5}
			got, err := call[openinference.ModelInferRequest, openinference.ModelInferResponse](t, client, url, "ModelInfer", &openinference.ModelInferRequest{
				ModelName: "inference-7", Inputs: []*openinference.ModelInferRequest_InferInputTensor{{Name: name, Datatype: "FP32", Shape: []int64{1, 3}}},
				RawInputContents: [][]byte{recorded(t, "small", name, codec.Float32, records)},
			})
			if err != nil {
				t.Error(err)
				return
			}
			checkInferred(t, "small", got, records)
		})
	}
	calls.Wait()
}

func FuzzCheckFields(f *testing.F) {
	message, err := proto.Marshal(&openinference.ModelInferRequest{
		ModelName: "a", Inputs: []*openinference.ModelInferRequest_InferInputTensor{{Name: "b", Contents: &openinference.InferTensorContents{BytesContents: [][]byte{nil, {1}}}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add(protowire.AppendTag(nil, 5, protowire.BytesType))
	f.Fuzz(func(t *testing.T, data []byte) {
		var request openinference.ModelInferRequest
		if checked, read := checkFields(data), proto.Unmarshal(data, &request); checked != nil && read == nil && !errors.Is(checked, errFields) {
			t.Errorf("%x was read, but is refused: %v", data, checked)
		}
		if in, err := requestOf(&request); err == nil && len(in.Inputs) != len(request.GetInputs()) {
			t.Errorf("%d inputs of %d", len(in.Inputs), len(request.GetInputs()))
		}
	})
}

// The head of a message says whether a gRPC call may take more than it is long.
func TestShareOf(t *testing.T) {
	for body, want := range map[string]int64{
		"": smallBody, "\x00\x00": smallBody + 2, "\x00\x00\x00\x00\x07abcdefg": smallBody + 12, "\x01\x00\x00\x00\x07abcdefg": maxBody, "\x00\xff\x00\x00\x00": smallBody + 5,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/grpc")
		if got := shareOf(r, []byte(body)); got != want {
			t.Errorf("%q: %d, want %d", body, got, want)
		}
	}
}
