package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

func TestMain(m *testing.M) { os.Exit(registrytest.Main(m)) }

// kinds are the stores that an installation may have, each time empty ones.
var kinds = map[string]func(t *testing.T) Stores{
	"machine": func(t *testing.T) Stores {
		dir := t.TempDir()
		return open(t, "sqlite:"+filepath.Join(dir, "registry.db"), "file://"+filepath.Join(dir, "artifacts"))
	},
	"cluster": func(t *testing.T) Stores { return open(t, registrytest.Postgres(t), artifacttest.S3(t)) },
}

func open(t *testing.T, database, artifacts string) Stores {
	t.Helper()
	r, err := registry.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	a, err := artifact.Open(t.Context(), artifacts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), a.Close()); err != nil {
			t.Error(err)
		}
	})
	return Stores{r, a}
}

// fill registers n models with an export each, and results of them, beside a row of
// every other kind.
func fill(t *testing.T, s Stores, n int) {
	t.Helper()
	for i := range n {
		m := pipeline.Model{Name: fmt.Sprintf("modèle %d", i), Source: "model = 1", Artifact: fmt.Sprintf("models/%d/v1-x", i+1)}
		err := s.Registry.Do(t.Context(), func(tx *registry.Tx) error {
			_, r, err := registrytest.Deployed(tx, m)
			if err != nil {
				return err
			}
			for _, r.Status = range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished} {
				if err := tx.UpdateResult(&r); err != nil {
					return err
				}
			}
			r.Artifact = pipeline.ResultArtifact(r.ID, 0)
			e := event.New()
			e.SetID(fmt.Sprint(i))
			e.SetType("io.kafkaml.model.registered.v1")
			e.SetSource("/model-register")
			_, epochs := tx.AppendEpochs(r.ID, 0, []pipeline.Epoch{{Epoch: 1}})
			return errors.Join(epochs, tx.UpdateResult(&r), tx.SetLogs(r.ID, "epoch 1\n"), tx.Emit(e), tx.Audit(registry.Audit{Principal: "alice"}),
				tx.AnswerCommand(registry.CommandKey{Principal: "alice", Source: "/cli", ID: fmt.Sprint(i)}, registry.Answered{Answer: []byte{0, 255, byte(i)}}))
		})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, m.Artifact+"/export.zip", strings.Repeat("weights", 1000*i))
		put(t, s, fmt.Sprintf("results/%d/attempt-0/model.keras", i+1), "trained")
	}
	if _, err := s.Registry.Secret(t.Context(), "signing"); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s Stores, key, content string) {
	t.Helper()
	if err := s.Artifacts.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// contents are all rows and artifacts, in an order of their own.
func contents(t *testing.T, s Stores) (lines []string) {
	t.Helper()
	_, err := s.Registry.Dump(t.Context(), func(part registry.Rows) error {
		for _, row := range part.Rows {
			named := map[string]registry.Cell{}
			for i, column := range part.Columns {
				named[column] = row[i]
			}
			line, err := json.Marshal(named)
			if err != nil {
				return err
			}
			lines = append(lines, part.Table+" "+string(line))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range prefixes {
		for key, err := range s.Artifacts.Blobs(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			content, _, err := s.Artifacts.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(content)
			if err := errors.Join(err, content.Close()); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, key+" "+string(body))
		}
	}
	slices.Sort(lines)
	return lines
}

func none(int64) {}

// write backs up s into a file.
func write(t *testing.T, s Stores, progress Progress) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "backup.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Write(t.Context(), f, s, "test", progress)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) *Archive {
	t.Helper()
	a, err := Open(t.Context(), path, none)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func restore(t *testing.T, a *Archive, to Stores, replace bool) {
	t.Helper()
	if err := a.Restore(t.Context(), to, replace, none); err != nil {
		t.Fatal(err)
	}
}

// What is lost comes back, in stores of either kind, and what was there before is
// replaced only where that is said.
func TestBackUpAndRestore(t *testing.T) {
	for from, opened := range kinds {
		t.Run(from, func(t *testing.T) {
			s := opened(t)
			fill(t, s, 30)
			a, want := read(t, write(t, s, none)), contents(t, s)
			if r := a.Report(); r.Artifacts != 60 || r.Bytes < 60*7 || len(r.Missing) > 0 {
				t.Errorf("%+v", r)
			}
			for to, opened := range kinds {
				t.Run("to "+to, func(t *testing.T) {
					s := opened(t)
					restore(t, a, s, false)
					if diff := cmp.Diff(want, contents(t, s)); diff != "" {
						t.Fatal(diff)
					}
					m := pipeline.Model{Name: "later", Artifact: "models/31/v1-x"}
					if err := s.Registry.Do(t.Context(), func(tx *registry.Tx) error { return tx.CreateModel(&m) }); err != nil || m.ID != 31 {
						t.Errorf("the next model has id %d, %v", m.ID, err)
					}
					put(t, s, "models/1/v1-x/later", "of another life")
					changed := contents(t, s)
					if err := a.Restore(t.Context(), s, false, none); pipeline.KindOf(err) != pipeline.Conflict {
						t.Errorf("over what is there: %v", err)
					}
					if diff := cmp.Diff(changed, contents(t, s)); diff != "" {
						t.Error(diff)
					}
					restore(t, a, s, true)
					if diff := cmp.Diff(want, contents(t, s)); diff != "" {
						t.Error(diff)
					}
				})
			}
		})
	}
}

// An installation that runs is not replaced under its processes: neither its rows nor
// what the store holds is touched.
func TestRestoreOverWhatRuns(t *testing.T) {
	database, store := registrytest.Postgres(t), artifacttest.S3(t)
	s := open(t, database, store)
	fill(t, s, 1)
	a, want := read(t, write(t, s, none)), contents(t, s)
	for name, url := range map[string]string{
		"alike":            database,
		"by another name":  database + "&application_name=nightly",
		"by a longer name": database + "&application_name=" + strings.Repeat("x", 100),
		"by one that is ü": database + "&application_name=%C3%BC",
	} {
		to := open(t, url, store)
		if err := a.Restore(t.Context(), to, true, none); pipeline.KindOf(err) != pipeline.InUse || !strings.Contains(err.Error(), "kafkaml has it open (processes: 1)") {
			t.Errorf("%s: %v", name, err)
		}
		if err := to.Registry.Close(); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(want, contents(t, s)); diff != "" {
		t.Error(diff)
	}
	restore(t, a, s, true) // there are no others any more
}

// A restore that is cut off at any place is known for half, and goes on.
func TestRestoreCutOff(t *testing.T) {
	s := kinds["machine"](t)
	fill(t, s, 3)
	a, want := read(t, write(t, s, none)), contents(t, s)
	for after := range 6 {
		to := kinds["machine"](t)
		ctx, cut := context.WithCancel(t.Context())
		n := 0
		err := a.Restore(ctx, to, false, func(int64) {
			if n++; n > after {
				cut()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cut off after %d: %v", after, err)
		}
		if err := Unfinished(t.Context(), to.Artifacts); pipeline.KindOf(err) != pipeline.Unavailable {
			t.Errorf("half of it is taken for whole: %v", err)
		}
		restore(t, a, to, false)
		if diff := cmp.Diff(want, contents(t, to)); diff != "" {
			t.Error(diff)
		}
		if err := Unfinished(t.Context(), to.Artifacts); err != nil {
			t.Error(err)
		}
	}
	// After its rows were committed, and before it could say that it is done:
	to := kinds["machine"](t)
	restore(t, a, to, false)
	put(t, to, marker, a.end.Hash)
	restore(t, a, to, false)
	put(t, to, marker, "of another")
	if err := a.Restore(t.Context(), to, false, none); pipeline.KindOf(err) != pipeline.Conflict {
		t.Errorf("over another's half: %v", err)
	}
}

// What is deleted and made while a backup is taken is in it as a whole or not at all.
func TestBackUpOfWhatChanges(t *testing.T) {
	s := kinds["machine"](t)
	fill(t, s, 5)
	n := 0
	path := write(t, s, func(int64) {
		if n++; n != 10 && n != 24 {
			return
		}
		last := int64(5) // whose artifacts are not written yet
		if n == 24 {
			last = 4
		}
		err := s.Registry.Do(t.Context(), func(tx *registry.Tx) error {
			r, err := tx.Result(last)
			r.Artifact = ""
			return errors.Join(err, tx.UpdateResult(&r))
		})
		if err := errors.Join(err, s.Artifacts.Delete(t.Context(), fmt.Sprintf("results/%d", last))); err != nil {
			t.Error(err)
		}
	})
	to := kinds["machine"](t)
	restore(t, read(t, path), to, false)
	named, err := registry.Read(t.Context(), to.Registry, (*registry.Tx).Artifacts)
	if err != nil || len(named) < 8 || n < 25 {
		t.Errorf("%v %v, %d parts", named, err, n)
	}
	for _, prefix := range named {
		found := 0
		for range to.Artifacts.Blobs(t.Context(), prefix) {
			found++
		}
		if found != 1 {
			t.Errorf("%d artifacts of %s", found, prefix)
		}
	}
}

// Memory does not grow with what is backed up.
func TestBackUpIsStreamed(t *testing.T) {
	s := kinds["machine"](t)
	const size = 96 << 20
	err := s.Registry.Do(t.Context(), func(tx *registry.Tx) error {
		return tx.CreateModel(&pipeline.Model{Name: "large", Artifact: "models/1/v1"})
	})
	if err := errors.Join(err, s.Artifacts.Put(t.Context(), "models/1/v1/export.zip", io.LimitReader(zeros{}, size))); err != nil {
		t.Fatal(err)
	}
	to := kinds["machine"](t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	restore(t, read(t, write(t, s, none)), to, false)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > size/4 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// An archive of an earlier version of the schema is brought up to date.
func TestRestoreOfAnEarlierSchema(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "registry.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("../registry/migrations"))
	if err == nil {
		_, err = p.UpTo(t.Context(), 2)
	}
	if err == nil {
		_, err = db.ExecContext(t.Context(), `INSERT INTO models VALUES (1, 'old', 'old', '{"id": 1, "name": "old"}'); UPDATE counters SET last = 1 WHERE name = 'model';
			INSERT INTO commands VALUES ('/cli', '1', X'00ff', 1)`)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := Stores{Artifacts: kinds["machine"](t).Artifacts}
	if s.Registry, err = registry.OpenAsIs(t.Context(), "sqlite:"+path); err != nil {
		t.Fatal(err)
	}
	a := read(t, write(t, s, none))
	if schema, err := registry.Read(t.Context(), s.Registry, (*registry.Tx).Schema); err != nil || schema != 2 || a.head.Schema != 2 {
		t.Errorf("the backup changed the schema to %d, %v", schema, err)
	}
	if err := s.Registry.Close(); err != nil {
		t.Fatal(err)
	}
	for name, opened := range kinds {
		to := opened(t)
		restore(t, a, to, false)
		all := strings.Join(contents(t, to), "\n")
		for _, want := range []string{`models {"body":`, `commands {"answer":{"base64":"AP8="}`, `"principal":"anonymous"`, `counters {"last":0,"name":"audit"}`} {
			if !strings.Contains(all, want) {
				t.Errorf("%s lacks %s:\n%s", name, want, all)
			}
		}
	}
}

// entry is a part as it stands in an archive, or what is not one.
type entry struct {
	tar.Header
	content string
}

// entries reads an archive as any tar.
func entries(t *testing.T, path string) (all []entry) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{*h, string(content)})
	}
}

// forged writes an archive by this package's own writer, whose hashes are right.
func forged(t *testing.T, h head, e func(*writer) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "forged.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	b := newWriter(t.Context(), f, Stores{}, none)
	err = errors.Join(b.addJSON(headName, h), e(b))
	if err == nil {
		b.end.Number = 1
		err = b.finish()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// An archive that is not what was written, or was made to do harm, changes nothing.
func TestAttackArchives(t *testing.T) {
	s := kinds["machine"](t)
	fill(t, s, 2)
	path := write(t, s, none)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := kinds["machine"](t)
	before := contents(t, to)
	try := func(name, path, says string) {
		t.Helper()
		a, err := Open(t.Context(), path, none)
		if err == nil {
			err = errors.Join(a.Restore(t.Context(), to, false, none), a.Close())
		}
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Kind == pipeline.Internal || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bytesOf := func(name string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for at := 0; at < len(whole)-1024; at += 97 { // its end is two blocks of zeros
		if cut := at / 512 * 512; at%5 == 0 {
			try(fmt.Sprint("cut at ", cut), bytesOf("cut", whole[:cut]), "")
		}
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x55
		if whole[at] != 0 && at%512 != 155 { // what fills up a block, or ends the sum of a header, counts for nothing
			try(fmt.Sprint("damaged at ", at), bytesOf("damaged", damaged), "")
		}
	}
	all := entries(t, path)
	joined := func(all ...entry) string {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range all {
			if err := w.WriteHeader(&e.Header); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, e.content); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return bytesOf("joined", b.Bytes())
	}
	try("a part left out", joined(slices.Delete(slices.Clone(all), 4, 6)...), "parts of it are missing")
	try("without its end", joined(all[:len(all)-2]...), "its end is missing")
	try("something after its end", joined(append(slices.Clone(all), all[2:4]...)...), "after its end")
	try("a link", joined(append(all[:2:2], entry{tar.Header{Typeflag: tar.TypeSymlink, Name: "artifacts/models", Linkname: "/etc"}, ""})...), "no plain file")
	try("a text", bytesOf("text", []byte("hello")), "")
	h := head{Format: format, Schema: registry.Schema(), Program: "1.0"}
	nothing := func(*writer) error { return nil }
	newer, later := h, h
	newer.Schema++
	later.Format++
	try("a newer schema", forged(t, newer, nothing), "kafkaml 1.0 wrote it")
	try("a later format", forged(t, later, nothing), "kafkaml 1.0 wrote it")
	for _, key := range []string{"../../etc/passwd", "/etc/passwd", "models/../../x", ".."} {
		try(key, forged(t, h, func(b *writer) error {
			b.end.Files++
			return b.add(artifactsFolder+key, 1, strings.NewReader("x"))
		}), "key")
	}
	if err := Unfinished(t.Context(), to.Artifacts); err != nil {
		t.Errorf("one of them was begun: %v", err)
	}
	for name, rows := range map[string]registry.Rows{
		"no table":  {Table: "models; DROP TABLE models", Columns: []string{"id"}},
		"no column": {Table: "models", Columns: []string{"id) SELECT 1; --"}},
		"a schema":  {Table: "goose_db_version", Columns: []string{"id"}},
		"values":    {Table: "counters", Columns: []string{"name", "last"}, Rows: [][]registry.Cell{{{Value: "x"}}}},
	} {
		try(name, forged(t, h, func(b *writer) error { return b.addJSON("rows/1/000001.json", rows) }), "write the table")
	}
	if diff := cmp.Diff(before, contents(t, to)); diff != "" {
		t.Error(diff)
	}
}
