// Package backup writes an installation's registry and the artifacts that it names
// to one archive, while the installation runs, and puts them back.
//
// An archive is a tar file: what it is, rows of the registry, artifacts, and an end
// without which it is not whole. Each part is followed by its hash, as sha256sum
// writes it. Of what is being written or read, no more than a part of the rows and
// the keys of the artifacts are in memory at once.
//
// Rows lead: artifacts are there before rows name them and until none does any
// longer. So the rows are taken first, in one unchanging state, then what they name.
// Where some of that was deleted meanwhile, the rows are taken once more.
package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// format is the version of the archive itself; that of the rows is the schema's.
const format = 1

// The names of parts.
const (
	headName        = "kafkaml.json"
	endName         = "end.json"
	rowsFolder      = "rows/"
	artifactsFolder = "artifacts/"
	sumSuffix       = ".sha256"
)

// head is the first part of an archive.
type head struct {
	Format  int       `json:"format"`
	Schema  int64     `json:"schema"`
	Program string    `json:"program"` // version of the kafkaml that wrote it
	Created time.Time `json:"created"`
}

// end is the last part.
type end struct {
	Number  int               `json:"number"` // of the rows that count: those before were taken again
	State   registry.Snapshot `json:"state"`  // of these rows
	Files   int               `json:"files"`  // artifacts,
	Bytes   int64             `json:"bytes"`  // and what they take
	Missing []string          `json:"missing,omitempty"`
	Hash    string            `json:"hash"` // SHA-256 of all hashes before, as they are written
}

// Report says what a backup holds.
type Report struct {
	Created   time.Time `json:"created" description:"control messages from then on are not in it"`
	Schema    int64     `json:"schema" description:"version of the registry's"`
	Program   string    `json:"program" description:"version of the kafkaml that wrote it"`
	Artifacts int       `json:"artifacts" description:"files of models"`
	Bytes     int64     `json:"bytes" description:"that these take"`
	Missing   []string  `json:"missing,omitempty" description:"prefixes of artifacts that the registry names and the store did not hold"`
}

func report(h head, e end) Report {
	return Report{h.Created, h.Schema, h.Program, e.Files, e.Bytes, e.Missing}
}

// Stores are the two places of an installation's state.
type Stores struct {
	Registry  *registry.Store
	Artifacts *artifact.Store
}

// Progress is told of each part that was dealt with, by its size in bytes.
type Progress func(bytes int64)

// snapshots is how often the rows are taken before so many deletions are an error.
const snapshots = 10

// Write writes an archive of what is in from. The error of a store or of w leaves
// an archive that is not whole.
func Write(ctx context.Context, w io.Writer, from Stores, program string, progress Progress) (Report, error) {
	schema, err := registry.Read(ctx, from.Registry, (*registry.Tx).Schema)
	if err != nil {
		return Report{}, err
	}
	h := head{Format: format, Schema: schema, Program: program, Created: time.Now().UTC().Truncate(time.Second)}
	b := newWriter(ctx, w, from, progress)
	if err := b.addJSON(headName, h); err != nil {
		return Report{}, err
	}
	for b.end.Number = 1; b.end.Number <= snapshots; b.end.Number++ {
		whole, err := b.snapshot()
		if err != nil {
			return Report{}, err
		}
		if b.end.State.Schema != schema {
			return Report{}, &pipeline.Error{
				Op: "back up", Kind: pipeline.Conflict, Reason: "a newer kafkaml brought the registry to another schema meanwhile", Hint: "try again",
			}
		}
		if whole {
			return report(h, b.end), b.finish()
		}
	}
	return Report{}, &pipeline.Error{
		Op: "back up", Kind: pipeline.Unavailable, Reason: fmt.Sprintf("models or results were deleted in each of %d tries", snapshots),
		Hint: "try again when nobody deletes any",
	}
}

// writer writes an archive.
type writer struct {
	ctx      context.Context
	from     Stores
	tar      *tar.Writer
	lines    hash.Hash
	progress Progress
	copied   map[string]bool // by key
	end      end
}

func newWriter(ctx context.Context, w io.Writer, from Stores, progress Progress) *writer {
	return &writer{ctx: ctx, from: from, tar: tar.NewWriter(w), lines: sha256.New(), progress: progress, copied: map[string]bool{}}
}

// finish writes the end.
func (b *writer) finish() error {
	b.end.Hash = hex.EncodeToString(b.lines.Sum(nil))
	if err := b.addJSON(endName, b.end); err != nil {
		return err
	}
	return b.tar.Close()
}

// snapshot writes the rows, and the artifacts that they name which were not written
// yet. It reports whether these were there until they were written.
func (b *writer) snapshot() (whole bool, err error) {
	n := 0
	b.end.State, err = b.from.Registry.Dump(b.ctx, func(rows registry.Rows) error {
		n++
		return b.addJSON(fmt.Sprintf("%s%d/%06d.json", rowsFolder, b.end.Number, n), rows)
	})
	if err != nil {
		return false, err
	}
	b.end.Missing = nil
	for _, prefix := range b.end.State.Artifacts {
		found := 0
		for key, err := range b.from.Artifacts.Blobs(b.ctx, prefix) {
			if err == nil {
				err = b.addArtifact(key)
			}
			if err != nil {
				return false, err
			}
			found++
		}
		if found == 0 {
			b.end.Missing = append(b.end.Missing, prefix)
		}
	}
	still, err := registry.Read(b.ctx, b.from.Registry, (*registry.Tx).Artifacts)
	if err != nil {
		return false, err
	}
	for _, prefix := range b.end.State.Artifacts {
		if _, named := slices.BinarySearch(still, prefix); !named {
			return false, nil
		}
	}
	return true, nil
}

// addArtifact writes an artifact that is not in the archive yet. One that is gone by
// now was deleted, which snapshot finds out.
func (b *writer) addArtifact(key string) error {
	if b.copied[key] {
		return nil
	}
	content, size, err := b.from.Artifacts.Get(b.ctx, key)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(b.add(artifactsFolder+key, size, content), content.Close()); err != nil {
		return fmt.Errorf("back up artifact %s: %w", key, err)
	}
	b.copied[key] = true
	b.end.Files++
	b.end.Bytes += size
	return nil
}

func (b *writer) addJSON(name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.add(name, int64(len(body)), bytes.NewReader(body))
}

// add writes a part and its hash.
func (b *writer) add(name string, size int64, content io.Reader) error {
	if err := b.tar.WriteHeader(header(name, size)); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(b.tar, sum), content); err != nil {
		return err
	}
	line := sumLine(sum, name)
	if err := b.tar.WriteHeader(header(name+sumSuffix, int64(len(line)))); err != nil {
		return err // also where the part was shorter than its size
	}
	_, err := io.MultiWriter(b.tar, b.lines).Write(line)
	b.progress(size)
	return err
}

// header is one that every tar understands, of whatever length its name and size.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatGNU}
}

// sumLine is the hash of a part as sha256sum writes it.
func sumLine(sum hash.Hash, name string) []byte {
	return fmt.Appendf(nil, "%x  %s\n", sum.Sum(nil), name)
}
