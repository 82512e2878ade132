package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/backup"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/version"
)

// abouts asks each function what it is, by its name. One that does not answer is the
// finding of the check of the server.
func abouts(ctx context.Context, env *cli.Env) map[string]door.About {
	all := map[string]door.About{}
	c, err := env.Client(ctx)
	if err != nil {
		return all
	}
	for _, function := range pipeline.Steps {
		if about, err := client.Read[door.About](ctx, c, function, "about"); err == nil {
			all[function] = about
		}
	}
	return all
}

// versions compares this program with the functions, and with the programs of this
// machine that train and predict.
func versions(abouts func() map[string]door.About) check {
	return func(ctx context.Context, env *cli.Env) Finding { return compared(ctx, env, abouts()) }
}

func compared(ctx context.Context, env *cli.Env, all map[string]door.About) Finding {
	const name = "Versions"
	of := map[string][]string{version.String(): {"this program"}}
	for _, function := range pipeline.Steps {
		if about, answered := all[function]; answered {
			of[about.Version] = append(of[about.Version], function)
		}
	}
	for _, kind := range env.Frameworks.Kinds() {
		path, err := find(kind.Program)
		if err != nil {
			continue // the check of the programs says so
		}
		out, err := exec.CommandContext(ctx, path, "version").Output() // #nosec G204 -- our own program
		if err != nil {
			return found(name, Absent, fmt.Errorf("%s version: %w", path, err))
		}
		said, _, _ := strings.Cut(strings.TrimPrefix(firstLine(out), kind.Program+" "), ",")
		of[said] = append(of[said], kind.Program)
	}
	if len(of) == 1 {
		return ok(name, "all are %s", version.String())
	}
	var parts []string
	for v, who := range of {
		parts = append(parts, v+": "+strings.Join(who, ", "))
	}
	slices.Sort(parts)
	return Finding{
		name, Absent, strings.Join(parts, "; "),
		"bring all to one version: `make build` for programs, the images of one build for a cluster; what is older may not know what is newer",
	}
}

// registryState is what the functions say of their registry.
func registryState(abouts func() map[string]door.About) check {
	return func(context.Context, *cli.Env) Finding { return described(abouts()) }
}

func described(all map[string]door.About) Finding {
	const name = "Registry"
	if len(all) == 0 {
		return ok(name, "not looked at: no kafkaml answers, or none that lets this user look")
	}
	var about door.About
	for _, function := range pipeline.Steps {
		said, answered := all[function]
		if !answered {
			continue
		}
		if about = said; about.Schema > about.Knows {
			return Finding{
				name, Missing, fmt.Sprintf("it has schema %d, %s knows up to %d: a newer kafkaml has used it", about.Schema, function, about.Knows),
				"bring " + function + " to the version of the others",
			}
		}
	}
	r := about.Registry
	return ok(name, "schema %d, %s; %s events, %s answers and %s lines of the audit, which are pruned", about.Schema, terminal.Bytes(r.Bytes),
		terminal.Count(r.Events), terminal.Count(r.Answers), terminal.Count(r.Audit))
}

// store writes, reads and deletes a blob where models are kept, which only who has
// the settings of the installation can.
func store(ctx context.Context, env *cli.Env) Finding {
	const name = "Store of models"
	_, address := functions.Stores(dataDir(env), "", env.Getenv("ARTIFACT_URL"))
	room := ""
	if u, err := url.Parse(address); err == nil && u.Scheme == "file" {
		if _, err := os.Stat(u.Path); err != nil {
			return ok(name, "not looked at: ARTIFACT_URL is not set, and there is no %s", u.Path)
		}
		free, err := freeAt(u.Path)
		if err != nil {
			return found(name, Missing, err)
		}
		room = ", " + terminal.Bytes(free) + " free"
	}
	s, err := artifact.Open(ctx, address)
	if err != nil {
		return found(name, Missing, err)
	}
	err = errors.Join(probe(ctx, s), backup.Unfinished(ctx, s), s.Close())
	if err != nil {
		return found(name, Missing, err)
	}
	return ok(name, "%s is written, read and deleted%s", s, room)
}

// probe leaves nothing behind.
func probe(ctx context.Context, s *artifact.Store) (err error) {
	key, want := "doctor/"+rand.Text(), []byte(rand.Text())
	defer func() { err = errors.Join(err, s.Delete(context.WithoutCancel(ctx), key)) }()
	if err := s.Put(ctx, key, bytes.NewReader(want)); err != nil {
		return err
	}
	content, _, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(content)
	if err == nil && !bytes.Equal(got, want) {
		err = &pipeline.Error{Op: "read the probe", Reason: "something else is read than was written", Hint: "see what stands between kafkaml and the store"}
	}
	return errors.Join(err, content.Close())
}
