package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Archive is a backup that was read from its beginning to its end and is whole.
type Archive struct {
	file *os.File
	head head
	end  end
}

// Open reads an archive and checks the hash of each of its parts. It refuses one
// that is damaged or not whole, or holds rows of a newer kafkaml. The caller closes it.
func Open(ctx context.Context, path string, progress Progress) (a *Archive, err error) {
	file, err := os.Open(path) // #nosec G304 -- the person's own
	if err != nil {
		return nil, &pipeline.Error{Op: "open the backup", Kind: pipeline.NotFound, Field: "file", Err: err}
	}
	a = &Archive{file: file}
	if err := a.check(ctx, progress); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return a, nil
}

// Close closes the file.
func (a *Archive) Close() error { return a.file.Close() }

// Report says what the archive holds.
func (a *Archive) Report() Report { return report(a.head, a.end) }

// check reads every part. The end counts what came before it.
func (a *Archive) check(ctx context.Context, progress Progress) error {
	lines := sha256.New()
	ended := false
	files := 0
	for p, err := range a.parts(ctx, func(string) bool { return true }) {
		if err != nil {
			return err
		}
		switch {
		case ended:
			return a.damaged(p.name + " comes after its end")
		case a.head.Format == 0:
			err = a.readHead(p)
		case p.name == endName:
			ended = true
			if err = p.decode(&a.end); err == nil && (a.end.Hash != hex.EncodeToString(lines.Sum(nil)) || a.end.Files != files) {
				err = a.damaged("parts of it are missing, or others were put in")
			}
		case strings.HasPrefix(p.name, rowsFolder):
			err = p.decode(new(registry.Rows))
		case strings.HasPrefix(p.name, artifactsFolder):
			files++
			err = artifact.CheckKey(strings.TrimPrefix(p.name, artifactsFolder))
		default:
			err = a.damaged("it holds " + p.name)
		}
		if err == nil {
			err = p.finish()
		}
		if err != nil {
			return err
		}
		lines.Write(p.line)
		progress(p.size)
	}
	if !ended {
		return a.damaged("its end is missing: the backup was not finished, or not copied to its end")
	}
	return nil
}

func (a *Archive) readHead(p *part) error {
	if p.name != headName {
		return a.damaged("it is no backup of kafkaml")
	}
	if err := p.decode(&a.head); err != nil {
		return err
	}
	if a.head.Format == format && a.head.Schema >= 1 && a.head.Schema <= registry.Schema() {
		return nil
	}
	return &pipeline.Error{
		Op: "open the backup", Kind: pipeline.Conflict, Field: "file",
		Reason: fmt.Sprintf("it has format %d and schema %d, this program knows up to %d and %d: kafkaml %s wrote it", a.head.Format, a.head.Schema, format, registry.Schema(), a.head.Program),
		Hint:   "restore it with that version, or a later one",
	}
}

func (a *Archive) damaged(reason string) error {
	return &pipeline.Error{
		Op: "open the backup", Kind: pipeline.Invalid, Field: a.file.Name(), Reason: "the backup cannot be used: " + reason,
		Hint: "nothing was changed by it; take another copy of it, or an earlier backup",
	}
}

// part is one part of an archive as it is read. Its reader ends with io.EOF only
// where the hash that follows is that of what was read.
type part struct {
	archive *Archive
	tar     *tar.Reader
	name    string
	size    int64
	sum     hash.Hash
	line    []byte // of its hash, once it was read to its end
	ended   error
}

// parts gives those parts whose names are wanted. Each must be dealt with before the
// next one is taken, by finish or by reading it to its end.
func (a *Archive) parts(ctx context.Context, wanted func(name string) bool) iter.Seq2[*part, error] {
	return func(yield func(*part, error) bool) {
		if _, err := a.file.Seek(0, io.SeekStart); err != nil {
			yield(nil, err)
			return
		}
		for r := tar.NewReader(a.file); ; {
			h, err := a.next(ctx, r)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			p := &part{archive: a, tar: r, name: h.Name, size: h.Size, sum: sha256.New()}
			if wanted(h.Name) {
				if !yield(p, nil) {
					return
				}
			} else if _, err := a.next(ctx, r); err != nil { // its hash, unread
				yield(nil, err)
				return
			}
		}
	}
}

// next takes the header of a plain file. Others, and what a tar can say of a file
// beside its bytes, such as holes in it, are in no archive of ours.
func (a *Archive) next(ctx context.Context, r *tar.Reader) (*tar.Header, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h, err := r.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, err
	case err != nil:
		return nil, a.damaged(err.Error())
	case h.Typeflag != tar.TypeReg || len(h.PAXRecords) > 0:
		return nil, a.damaged(h.Name + " is no plain file")
	}
	return h, nil
}

// Read implements io.Reader.
func (p *part) Read(b []byte) (int, error) {
	if p.ended != nil {
		return 0, p.ended
	}
	n, err := p.tar.Read(b)
	p.sum.Write(b[:n])
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = p.compare()
		} else {
			err = p.archive.damaged(fmt.Sprintf("%s: %v", p.name, err))
		}
		p.ended = err
	}
	return n, err
}

// compare reads the hash that follows: io.EOF where it is that of the part.
func (p *part) compare() error {
	p.line = sumLine(p.sum, p.name)
	h, err := p.archive.next(context.Background(), p.tar)
	if err != nil || h.Name != p.name+sumSuffix || h.Size != int64(len(p.line)) {
		return p.archive.damaged("the hash of " + p.name + " is missing")
	}
	line := make([]byte, len(p.line))
	if _, err := io.ReadFull(p.tar, line); err != nil || string(line) != string(p.line) {
		return p.archive.damaged(p.name + " is not what was written: its hash differs")
	}
	return io.EOF
}

// finish reads what is left of the part.
func (p *part) finish() error {
	_, err := io.Copy(io.Discard, p)
	return err
}

// maxJSON bounds a part that is read into memory, in bytes: a part of rows and its
// largest row.
const maxJSON = 256 << 20

// decode reads the part as JSON.
func (p *part) decode(v any) error {
	if p.size > maxJSON {
		return p.archive.damaged(fmt.Sprintf("%s has %d bytes", p.name, p.size))
	}
	body, err := io.ReadAll(p)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return p.archive.damaged(fmt.Sprintf("%s: %v", p.name, err))
	}
	return nil
}

// rows gives the rows that count.
func (a *Archive) rows(ctx context.Context) iter.Seq2[registry.Rows, error] {
	folder := fmt.Sprintf("%s%d/", rowsFolder, a.end.Number)
	return func(yield func(registry.Rows, error) bool) {
		for p, err := range a.parts(ctx, func(name string) bool { return strings.HasPrefix(name, folder) }) {
			var rows registry.Rows
			if err == nil {
				err = p.decode(&rows)
			}
			if !yield(rows, err) || err != nil {
				return
			}
		}
	}
}

// marker is the key of what a restore leaves among the artifacts until it is done:
// the hash of its archive.
const marker = "restoring"

// Restore puts what the archive holds into empty stores, or in place of what they
// hold. One that was cut off goes on when it is run again; until then Unfinished
// keeps everybody from using the halves. A registry that others have open is left as it
// is: what they do next would be done to other rows than they know.
func (a *Archive) Restore(ctx context.Context, to Stores, replace bool, progress Progress) error {
	if err := to.Registry.Alone(ctx); err != nil {
		return err
	}
	rows, done, err := a.upgraded(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !replace {
		if err := a.mayFill(ctx, to); err != nil {
			return err
		}
	}
	if err := to.Artifacts.Put(ctx, marker, strings.NewReader(a.end.Hash)); err != nil {
		return err
	}
	if replace {
		for _, prefix := range prefixes {
			if err := to.Artifacts.Delete(ctx, prefix); err != nil {
				return err
			}
		}
	}
	for p, err := range a.parts(ctx, func(name string) bool { return strings.HasPrefix(name, artifactsFolder) }) {
		if err == nil {
			err = to.Artifacts.Put(ctx, strings.TrimPrefix(p.name, artifactsFolder), p)
		}
		if err != nil {
			return err
		}
		progress(p.size)
	}
	if err := to.Registry.Load(ctx, rows); err != nil {
		return err
	}
	return to.Artifacts.Delete(ctx, marker)
}

// upgraded gives the rows as this program's schema has them, until done is called.
func (a *Archive) upgraded(ctx context.Context) (rows iter.Seq2[registry.Rows, error], done func(), err error) {
	if a.head.Schema == registry.Schema() {
		return a.rows(ctx), func() {}, nil
	}
	folder, err := os.MkdirTemp("", "kafkaml-restore-*")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(folder) }
	s, err := registry.Upgraded(ctx, folder, a.head.Schema, a.rows(ctx))
	if err != nil {
		remove()
		return nil, nil, err
	}
	stop := errors.New("nobody reads on")
	return func(yield func(registry.Rows, error) bool) {
			_, err := s.Dump(ctx, func(r registry.Rows) error {
				if !yield(r, nil) {
					return stop
				}
				return nil
			})
			if err != nil && !errors.Is(err, stop) {
				yield(registry.Rows{}, err)
			}
		}, func() {
			_ = s.Close() // it is thrown away
			remove()
		}, nil
}

// prefixes are what all keys of an installation's artifacts begin with.
var prefixes = []string{"models", "results"}

// mayFill refuses stores that hold something else than what a restore of this
// archive has put there.
func (a *Archive) mayFill(ctx context.Context, to Stores) error {
	begun, err := begun(ctx, to.Artifacts)
	if err != nil {
		return err
	}
	last, err := to.Registry.LastEvent(ctx)
	if err != nil {
		return err
	}
	empty, err := registry.Read(ctx, to.Registry, (*registry.Tx).Empty)
	if err != nil {
		return err
	}
	ours := begun == a.end.Hash
	if !empty && (!ours || last != a.end.State.LastEvent) {
		return notEmpty("the registry")
	}
	for _, prefix := range prefixes {
		for _, err := range to.Artifacts.Blobs(ctx, prefix) {
			if err != nil {
				return err
			}
			if !ours {
				return notEmpty("the store of artifacts")
			}
			break
		}
	}
	return nil
}

func notEmpty(what string) error {
	return &pipeline.Error{
		Op: "restore", Kind: pipeline.Conflict, Field: "replace", Reason: what + " is not empty",
		Hint: "name an empty one, or say --replace: what is there is deleted then",
	}
}

// begun gives the hash of the archive that is being restored into a store, empty
// where none is.
func begun(ctx context.Context, artifacts *artifact.Store) (string, error) {
	content, _, err := artifacts.Get(ctx, marker)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	hash, err := io.ReadAll(io.LimitReader(content, 2*sha256.Size))
	return string(hash), errors.Join(err, content.Close())
}

// Unfinished refuses a store into which a restore was begun and not ended.
func Unfinished(ctx context.Context, artifacts *artifact.Store) error {
	hash, err := begun(ctx, artifacts)
	if err != nil || hash == "" {
		return err
	}
	return &pipeline.Error{
		Op: "open artifacts", Kind: pipeline.Unavailable, Field: "artifacts", Reason: "a backup was being restored here, and that was cut off",
		Hint: "run `kafkaml restore` again with the same file",
	}
}
