package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// BenchmarkFramedAvroByOrder reads 30 floats in the model's order and in the
// reverse.
func BenchmarkFramedAvroByOrder(b *testing.B) {
	var names, fields []string
	body := binary.BigEndian.AppendUint32([]byte{0}, 7)
	for i := range 30 {
		names = append(names, fmt.Sprintf("%q", fmt.Sprintf("f%d", i)))
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":"float"}`, i))
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(i)))
	}
	for _, order := range []string{"same", "other"} {
		b.Run(order, func(b *testing.B) {
			d := framedDecoder(b, `{"data_fields":[`+strings.Join(names, ",")+`]}`, tensor("x", "float32", 30))
			dst := buffers(d.Inputs())
			if _, err := taught(b, d, map[uint32]Schema{7: {Text: record(strings.Join(fields, ","))}}, body); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Sample(dst, body); err != nil {
					b.Fatal(err)
				}
			}
		})
		slices.Reverse(names)
	}
	plain, err := New(pipeline.AVRO, []byte(`{"data_scheme":`+record(strings.Join(fields, ","))+`}`), Binding{Inputs: []pipeline.Tensor{tensor("x", "float32", 30)}})
	if err != nil {
		b.Fatal(err)
	}
	dst := buffers(plain.Inputs())
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if err := plain.Sample(dst, body[5:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
