package files

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// What a block claims to hold is not allocated before it is there.
func TestAvroContainerThatClaimsMoreThanItHas(t *testing.T) {
	var file bytes.Buffer
	if _, err := goavro.NewOCFWriter(goavro.OCFConfig{W: &file, Schema: `{"type":"record","name":"r","fields":[{"name":"v","type":{"type":"array","items":"int"}}]}`}); err != nil {
		t.Fatal(err)
	}
	sync := bytes.Clone(file.Bytes()[file.Len()-16:])
	const billions = "\xfc\xff\xff\xff\x0f" // 2^31-2, as Avro writes a long
	for name, block := range map[string]string{
		"elements of an array": "\x02\x0c" + billions + "\x02",
		"records of a block":   billions + "\x0c" + "\x02\x02\x00\x00\x00\x00",
		"bytes of a block":     "\x02" + billions + "\x02\x02\x00",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "forged.avro")
			if err := os.WriteFile(path, append(append(bytes.Clone(file.Bytes()), block...), sync...), 0o600); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := newAvro(path)
			for err == nil {
				err = r.read(&row{cells: make([]cell, 1)})
			}
			runtime.ReadMemStats(&after)
			if !strings.Contains(err.Error(), "lock") && pipeline.KindOf(err) != pipeline.Invalid {
				t.Errorf("%v does not say that the block is wrong", err)
			}
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 512 {
				t.Errorf("%d MiB were allocated for %d bytes", took, file.Len()+len(block))
			}
		})
	}
}
