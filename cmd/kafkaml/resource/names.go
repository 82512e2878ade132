package resource

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// names looks up the names behind the ids of a list, each kind once. A name
// that cannot be read is shown as its id.
type names struct {
	ctx    context.Context // of one listing
	client *client.Client
	now    time.Time

	models, configurations map[int64]string
}

func (n *names) model(id int64) string {
	if n.models == nil {
		n.models = namesOf(n.ctx, n.client.Models())
	}
	return nameOr(n.models, id)
}

func (n *names) configuration(id int64) string {
	if n.configurations == nil {
		n.configurations = namesOf(n.ctx, n.client.Configurations())
	}
	return nameOr(n.configurations, id)
}

func namesOf[T any](ctx context.Context, r client.Resource[T]) map[int64]string {
	all := map[int64]string{}
	for v, err := range r.All(ctx, client.Query{}) {
		if err != nil {
			return all
		}
		all[r.ID(v)] = r.Name(v)
	}
	return all
}

func nameOr(names map[int64]string, id int64) string {
	if name, ok := names[id]; ok {
		return name
	}
	return strconv.FormatInt(id, 10)
}

// reference resolves what a person writes for a thing that another kind holds.
type reference interface {
	id(ctx context.Context, env *cli.Env, c *client.Client, ref string) (int64, error)
	complete(env *cli.Env) cli.Completion
	named() bool // whether it may be a name
}

// to is the reference to things of one kind.
type to[T any] struct {
	one string
	of  func(*client.Client) client.Resource[T]
}

var (
	toModel         = to[pipeline.Model]{"model", (*client.Client).Models}
	toConfiguration = to[pipeline.Configuration]{"configuration", (*client.Client).Configurations}
	toDeployment    = to[pipeline.Deployment]{"deployment", (*client.Client).Deployments}
	toResult        = to[pipeline.Result]{"result", (*client.Client).Results}
	toDatasource    = to[pipeline.Datasource]{"datasource", (*client.Client).Datasources}
)

func (t to[T]) kind(env *cli.Env) kind[T] { return kind[T]{env: env, one: t.one, of: t.of} }

func (t to[T]) id(ctx context.Context, env *cli.Env, c *client.Client, ref string) (int64, error) {
	return t.kind(env).id(ctx, c, ref)
}

func (t to[T]) named() bool { return t.of(nil).Named() }

func (t to[T]) complete(env *cli.Env) cli.Completion { return t.kind(env).complete() }

// ids are ids as a person reads them: "1, 2".
func ids(all []int64) string {
	if len(all) == 0 {
		return "-"
	}
	text := make([]string, len(all))
	for i, id := range all {
		text[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(text, ", ")
}
