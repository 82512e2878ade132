package predict

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow/tensorflowtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// postBinary posts JSON and what follows it; without a length, as one body.
func postBinary(t testing.TB, url, text string, data []byte, header http.Header) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(text+string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if header == nil {
		header = http.Header{headerLength: {strconv.Itoa(len(text))}}
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// recorded are records of an input in a type, as binary data has them.
func recorded(t testing.TB, model, input string, d codec.DType, records []int) []byte {
	t.Helper()
	var all []byte
	for _, i := range records {
		for _, v := range tensorflowtest.Flat(t, tensorflowtest.Load(t, model).Inputs[input][i]) {
			wide, err := binary.Append(nil, binary.LittleEndian, v)
			one := make([]byte, d.Size())
			if err = errors.Join(err, codec.Cast(one, d, wide, codec.Float64)); err != nil {
				t.Fatal(err)
			}
			all = append(all, one...)
		}
	}
	return all
}

// readBinary reads an answer whose outputs may be binary, as JSON.
func readBinary(t testing.TB, resp *http.Response, body []byte) inferred {
	t.Helper()
	header := len(body)
	if length := resp.Header.Get(headerLength); length != "" {
		header, _ = strconv.Atoi(length)
	}
	var got inferred
	if err := json.Unmarshal(body[:header], &got); err != nil || got.Error != "" {
		t.Fatalf("%v: %s", err, body)
	}
	rest := body[header:]
	for i := range got.Outputs {
		o := &got.Outputs[i]
		n := o.Parameters.BinarySize
		if n == 0 {
			continue
		}
		values := make([]float32, n/4)
		if _, err := binary.Decode(rest[:n], binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		o.Data, _ = json.Marshal(values)
		rest = rest[n:]
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left over", len(rest))
	}
	return got
}

// Binary inputs of all types that hold the numbers, mixed with JSON, give what
// JSON gives; outputs are binary where that was asked for.
func TestInferBinary(t *testing.T) {
	url := servedOfJSON(t, "several") + "/versions/latest/infer"
	records := []int{4, 0, 2}
	left := func(d codec.DType) (string, []byte) {
		data := recorded(t, "several", "left", d, records)
		return fmt.Sprintf(`{"name":"left","shape":[3,2],"datatype":%q,"parameters":{"binary_data_size":%d}}`, datatypeOf(d), len(data)), data
	}
	right := func(d codec.DType) (string, []byte) {
		data := recorded(t, "several", "right", d, records)
		return fmt.Sprintf(`{"name":"right","shape":[3,3],"datatype":%q,"parameters":{"binary_data_size":%d}}`, datatypeOf(d), len(data)), data
	}
	for _, d := range []codec.DType{codec.Int8, codec.Int16, codec.Int32, codec.Int64, codec.Float32, codec.Float64} {
		for asked, binaries := range map[string]int{
			``: 0, `,"parameters":{"binary_data_output":true}`: 2,
			`,"parameters":{"binary_data_output":true},"outputs":[{"name":"grid"},{"name":"total","parameters":{"binary_data":false}}]`: 1,
			`,"outputs":[{"name":"grid","parameters":{"binary_data":true}}]`:                                                            1,
		} {
			r, rightData := right(d)
			l, leftData := left(codec.Float32)
			resp, body := postBinary(t, url, `{"inputs":[`+r+`,`+l+`]`+asked+`}`, append(rightData, leftData...), nil)
			got := readBinary(t, resp, body)
			checkRows(t, "several", got, records)
			have := 0
			for _, o := range got.Outputs {
				if o.Parameters.BinarySize > 0 {
					have++
				}
			}
			if isBinary := resp.Header.Get("Content-Type") == "application/octet-stream"; have != binaries || isBinary != (have > 0) {
				t.Errorf("%s: %d outputs are binary, as %s", asked, have, resp.Header.Get("Content-Type"))
			}
		}
	}
	l, data := left(codec.Float64)
	mixed := fmt.Sprintf(`{"inputs":[{"name":"right","shape":[3,3],"datatype":"INT32","data":%s},%s]}`, rowsJSON(t, "several", "right", records), l)
	resp, body := postBinary(t, url, mixed, data, nil)
	checkRows(t, "several", readBinary(t, resp, body), records)
}

// A body that is nothing but data, and bodies that are compressed.
func TestInferRawAndCompressed(t *testing.T) {
	url := serveHTTP(t, start(t, nil, "small", newJob(t, nil, "small", 0))).URL + "/v2/models/inference-7/infer"
	name, records := tensorflowtest.Load(t, "small").Export.Inputs[0].Name, []int{3, 1}
	data := recorded(t, "small", name, codec.Float32, records)
	resp, body := postBinary(t, url, "", data, nil)
	checkRows(t, "small", readBinary(t, resp, body), records)
	text := fmt.Sprintf(`{"inputs":[{"name":%q,"shape":[2,3],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, name, len(data))
	var zipped, deflated bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&zipped), zlib.NewWriter(&deflated)} {
		_, err := w.Write(append([]byte(text), data...))
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	}
	for encoding, b := range map[string][]byte{"gzip": zipped.Bytes(), "deflate": deflated.Bytes()} {
		header := http.Header{headerLength: {strconv.Itoa(len(text))}, "Content-Encoding": {encoding}}
		resp, body := postBinary(t, url, "", b, header)
		checkRows(t, "small", readBinary(t, resp, body), records)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := w.Write(make([]byte, maxBody+1))
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for encoding, c := range map[string]struct {
		body   []byte
		status int
		want   string
	}{
		"gzip":    {bomb.Bytes(), http.StatusRequestEntityTooLarge, "too large"},
		"deflate": {[]byte("no zlib"), http.StatusBadRequest, "cannot be read"},
		"br":      {nil, http.StatusBadRequest, "gzip and deflate can"},
	} {
		resp, body := postBinary(t, url, "", c.body, http.Header{"Content-Encoding": {encoding}})
		if resp.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %d %s", encoding, resp.StatusCode, body)
		}
	}
}

// Text is binary with the length of each element before it, in and out.
func TestInferBinaryText(t *testing.T) {
	records := []int{4, 3, 2, 1, 0}
	var texts []byte
	for _, i := range records {
		for _, s := range tensorflowtest.Texts(t, tensorflowtest.Load(t, "structured").Inputs["job"][i]) {
			texts = codec.AppendText(texts, s)
		}
	}
	body := strings.Replace(structuredBody(t, records), `"datatype":"BYTES","data":`+rowsJSON(t, "structured", "job", records),
		fmt.Sprintf(`"datatype":"BYTES","parameters":{"binary_data_size":%d}`, len(texts)), 1)
	url := servedOfJSON(t, "structured") + "/infer"
	resp, answer := postBinary(t, url, body, texts, nil)
	checkRows(t, "structured", readBinary(t, resp, answer), records)
	for want, data := range map[string][]byte{"within element 4 of 5": texts[:len(texts)-1], "left over": append(texts[:len(texts):len(texts)], 0, 0, 0, 0)} {
		sized := strings.Replace(body, fmt.Sprint(`size":`, len(texts)), fmt.Sprint(`size":`, len(data)), 1)
		if resp, answer := postBinary(t, url, sized, data, nil); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(answer), want) {
			t.Errorf("%d %s, want %s", resp.StatusCode, answer, want)
		}
	}

	url = servedOfJSON(t, "worded") + "/infer"
	body = fmt.Sprintf(`{"inputs":[{"name":"x","shape":[5,3],"datatype":"FP32","data":%s}],"outputs":[{"name":"words","parameters":{"binary_data":true}}]}`, rowsJSON(t, "worded", "x", records))
	resp, answer = postBinary(t, url, body, nil, nil)
	header, err := strconv.Atoi(resp.Header.Get(headerLength))
	if err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	var want, have []string
	for _, i := range records {
		want = append(want, tensorflowtest.Texts(t, tensorflowtest.Load(t, "worded").Outputs["words"][i])...)
	}
	for rest := answer[header:]; len(rest) > 0; {
		text, next, ok := codec.CutText(rest)
		if !ok {
			t.Fatalf("%q", rest)
		}
		have, rest = append(have, string(text)), next
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

func TestInferBinaryRefuses(t *testing.T) {
	server := serveHTTP(t, start(t, nil, "words", newJob(t, nil, "words", 0)))
	url := server.URL + "/v2/models/inference-7/infer"
	name := tensorflowtest.Load(t, "words").Export.Inputs[0].Name
	input := func(rest string) string { return fmt.Sprintf(`{"inputs":[{"name":%q,%s}]}`, name, rest) }
	sized := func(n int) string {
		return input(fmt.Sprintf(`"shape":[1,4],"datatype":"INT32","parameters":{"binary_data_size":%d}`, n))
	}
	output := func(parameter string) string {
		asked := fmt.Sprintf(`{"outputs":[{"name":%q,"parameters":{%s}}],`, tensorflowtest.Load(t, "words").Export.Outputs[0].Name, parameter)
		return asked + input(`"shape":[1,4],"datatype":"INT32","data":[1,2,3,0]`)[1:]
	}
	length := func(v string) http.Header { return http.Header{headerLength: {v}} }
	many := `{"inputs":[` + strings.Repeat("{},", manyObjects) + `{}]}`
	cases := map[string]struct {
		text   string
		data   string
		header http.Header
		want   string
	}{
		"more than there is":      {sized(16), "0123456789", nil, "binary_data_size is 16, and 10 of the 10 bytes"},
		"less than there is":      {sized(16), strings.Repeat("\x00", 20), nil, "4 of the 20 bytes"},
		"a negative size":         {sized(-1), "", nil, "binary_data_size is -1"},
		"a size that is text":     {input(`"parameters":{"binary_data_size":"x"}`), "", nil, "cannot be a string"},
		"another number of bytes": {sized(12), strings.Repeat("\x00", 12), nil, name + `": data: has 12 bytes, and 4 elements of INT32 have 16`},
		"another type":            {input(`"shape":[1,4],"datatype":"INT64","parameters":{"binary_data_size":16}`), strings.Repeat("\x00", 16), nil, "INT64 have 32"},
		"no such type":            {input(`"shape":[1,4],"datatype":"FP8","parameters":{"binary_data_size":4}`), "0123", nil, name + `": datatype: "FP8"`},
		"a bool that is none":     {input(`"shape":[1,4],"datatype":"BOOL","parameters":{"binary_data_size":4}`), "\x00\x01\x02\x00", nil, "byte 2 is 2"},
		"data twice":              {input(`"shape":[1,4],"datatype":"INT32","data":[1,2,3,4],"parameters":{"binary_data_size":16}`), strings.Repeat("\x00", 16), nil, "the one or the other"},
		"no header":               {sized(16), strings.Repeat("\x00", 16), http.Header{}, "not JSON"},
		"no header and no data":   {sized(0), "", http.Header{}, "no header " + headerLength},
		"a header of text":        {sized(16), "", length("many"), `"many" is no number`},
		"a header too large":      {sized(16), "", length("99999"), "99999"},
		"a header beyond an int":  {sized(16), "", length("99999999999999999999"), "is no number"},
		"a negative header":       {sized(16), "", length("-1"), "is no number"},
		"a header too small":      {sized(16), "", length("10"), "not JSON"},
		"raw, no whole row":       {"", "0123456789", length("0"), "10 bytes are no rows of 16"},
		"raw, nothing":            {"", "", length("0"), "0 bytes are no rows"},
		"shared memory":           {input(`"shape":[1,4],"datatype":"INT32","parameters":{"shared_memory_region":"x"}`), "", nil, "shared memory"},
		"shared memory out":       {output(`"shared_memory_region":"x"`), "", nil, "shared memory"},
		"classes":                 {output(`"classification":1`), "", nil, "classification"},
		"too many tensors":        {many, "", http.Header{}, "more than 1024"},
		"too many, in binary":     {many, "", nil, "more than 1024"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resp, body := postBinary(t, url, c.text, []byte(c.data), c.header)
			var got inferred
			if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(got.Error, c.want) {
				t.Errorf("%d %s, want %q", resp.StatusCode, body, c.want)
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		if resp, body := postBinary(t, url, strings.Repeat(" ", maxBody+1), nil, http.Header{}); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), "more than 8388608 bytes") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
}

func TestModelsAreListed(t *testing.T) {
	s := start(t, nil, "small", newJob(t, nil, "small", 0))
	url := serveHTTP(t, s).URL + "/v2"
	for path, want := range map[string]string{
		"":                               `{"name":"kafkaml","version":"2","extensions":["binary_tensor_data"]}`,
		"/models":                        `{"models":["inference-7"]}`,
		"/nothing":                       `{"error":"there is nothing at GET /v2/nothing: the model is at /v2/models/inference-7"}`,
		"/models/x":                      `{"error":"model: there is no x here: the model is inference-7"}`,
		"/models/x/versions/1/ready":     `{"error":"model: there is no x here: the model is inference-7"}`,
		"/models/inference-7/versions/4": `{"error":"version: there is no 4 of inference-7: the version is 3, or latest"}`,
		"/models/inference-7/versions/latest/ready": `{"name":"inference-7","ready":true}`,
		"/models/inference-7/versions/3/ready":      `{"name":"inference-7","ready":true}`,
		"/health/ready":                             `{"name":"inference-7","live":true,"ready":true}`,
	} {
		_, _, got := exchange(t, http.MethodGet, url+path, "", nil)
		if diff := cmp.Diff(want, strings.TrimSpace(string(got))); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	for body, want := range map[string]string{
		"":               `[{"name":"inference-7","version":"3","state":"READY","reason":""}]`,
		`{"ready":true}`: `[{"name":"inference-7","version":"3","state":"READY","reason":""}]`,
		`{"ready":1}`:    `{"error":"ready: cannot be a number"}`,
	} {
		_, _, got := exchange(t, http.MethodPost, url+"/repository/index", "", []byte(body))
		if diff := cmp.Diff(want, strings.TrimSpace(string(got))); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

func FuzzReadInferRequest(f *testing.F) {
	f.Add(`{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}`, "01234567", 0)
	f.Add(`{"inputs":[{"name":"a","shape":[2,2],"datatype":"BOOL","parameters":{"binary_data_size":4}}]}`, "\x00\x01\x00\x02", 0)
	f.Add(`{"inputs":[{"name":"a","shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":9}}]}`, "\x01\x00\x00\x00a\x00\x00\x00\x00", 0)
	f.Add(``, "01234567", 0)
	f.Fuzz(func(t *testing.T, text, data string, off int) {
		for _, dtype := range []string{"float32", "int32", "string"} {
			want := []pipeline.Tensor{{Name: "a", DType: dtype, Shape: []int{2}}}
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text+data))
			r.Header.Set(headerLength, strconv.Itoa(len(text)+off))
			request, err := readInferRequest(r, want)
			if err != nil {
				continue
			}
			in, err := readTensors(request.Inputs, want)
			if err != nil {
				continue
			}
			if _, rest, err := codec.Cut(in.layout[0], in.data[0], in.rows); err != nil || len(rest) > 0 {
				t.Errorf("%d rows of %v are not %d bytes: %v", in.rows, in.layout[0], len(in.data[0]), err)
			}
		}
	})
}
