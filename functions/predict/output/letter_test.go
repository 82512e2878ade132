package output

import (
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// A dead letter says what its bytes look like and what to do, in its one header.
func TestALetterHoldsReasonAndHint(t *testing.T) {
	d, err := codec.New(pipeline.RAW, []byte(`{"data_type":"float32","data_reshape":"3"}`), codec.Binding{Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{3}}}})
	if err != nil {
		t.Fatal(err)
	}
	why := d.Sample([][]byte{make([]byte, 12)}, []byte("1.5;2.5;3.5\r\n"))
	letter := Letter(&stream.Record{Topic: "in"}, &pipeline.Error{Op: "decode record", Kind: pipeline.Invalid, Err: why, Hint: codec.Hint(why)})
	for _, h := range letter.Headers {
		if text := string(h.Value); h.Key == pipeline.HeaderError && (!strings.Contains(text, `the text "1.5;2.5;3.5"`) || !strings.Contains(text, "send the numbers as")) {
			t.Errorf("said %s", text)
		}
	}
}
