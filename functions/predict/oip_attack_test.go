package predict

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/functions/predict/openinference"
)

// framed is a message as gRPC sends it.
func framed(flag byte, message []byte) string {
	head := binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(message)))
	return string(append(head, message...))
}

// What is packed too well or not at all, and what is no text or no message, is
// refused with its code, and the next call is answered.
func TestAttackMalformedGRPC(t *testing.T) {
	url := serveHTTP(t, start(t, nil, "small", newJob(t, nil, "small", 0))).URL
	client := overHTTP2(t)
	var bomb bytes.Buffer
	packer := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(packer, zeros{}, 4*maxBody); err != nil {
		t.Fatal(err)
	}
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	field := func(number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
	}
	named := field(1, []byte("inference-7"))
	deep := []byte{}
	for range 2_000 {
		deep = field(3, deep)
	}
	for name, c := range map[string]struct{ packing, body, code string }{
		"a bomb":              {"gzip", framed(1, bomb.Bytes()), "8"},
		"not packed":          {"gzip", framed(1, []byte("text")), "3"},
		"packed, unsaid":      {"", framed(1, bomb.Bytes()[:1000]), "13"},
		"another packing":     {"br", framed(1, []byte("text")), "12"},
		"no such flag":        {"", framed(0x40, named), "13"},
		"two messages":        {"", framed(0, named) + framed(0, named), "12"},
		"a name of no text":   {"", framed(0, field(1, []byte("\xff\xfe"))), "3"},
		"deeply nested":       {"", framed(0, append(bytes.Clone(named), field(4, deep)...)), "3"},
		"a number for a name": {"", framed(0, []byte{0x08, 0x01}), "5"},
		"input of no message": {"", framed(0, append(bytes.Clone(named), field(5, []byte("\xff"))...)), "3"},
		"groups":              {"", framed(0, append(bytes.Clone(named), bytes.Repeat([]byte{0x2b}, 1000)...)), "3"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+grpcService+"ModelInfer", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/grpc")
			if c.packing != "" {
				req.Header.Set("Grpc-Encoding", c.packing)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			if code := resp.Trailer.Get("Grpc-Status") + resp.Header.Get("Grpc-Status"); err != nil || resp.StatusCode != http.StatusOK || code != c.code {
				t.Errorf("%d, code %q %q: %v", resp.StatusCode, code, resp.Trailer.Get("Grpc-Message")+resp.Header.Get("Grpc-Message"), err)
			}
		})
	}
	if live, err := call[openinference.ServerLiveRequest, openinference.ServerLiveResponse](t, client, url, "ServerLive", &openinference.ServerLiveRequest{}); err != nil || !live.GetLive() {
		t.Error(live, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// Calls that are begun and left keep nobody else from being answered.
func TestAttackGRPCCallsThatAreLeft(t *testing.T) {
	url := serveHTTP(t, start(t, nil, "small", newJob(t, nil, "small", 0))).URL
	calls := 1_000
	if os.Getenv("KAFKAML_LONG") != "" {
		calls = 10_000
	}
	left := overHTTP2(t)
	begun := make(chan struct{}, calls)
	for range calls {
		body, write := io.Pipe()
		defer write.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+grpcService+"ModelInfer", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		go func() {
			_, _ = write.Write([]byte("\x00\x03\xff\xff\xff")) // 64 MiB are to come
			begun <- struct{}{}
		}()
		go func() {
			if resp, err := left.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
	}
	for range calls / 2 { // a server need not take all at once
		<-begun
	}
	began := time.Now()
	live, err := call[openinference.ServerLiveRequest, openinference.ServerLiveResponse](t, overHTTP2(t), url, "ServerLive", &openinference.ServerLiveRequest{})
	if took := time.Since(began); err != nil || !live.GetLive() || took > 5*time.Second {
		t.Error(live, err, took)
	}
}
