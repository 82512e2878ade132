package client

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Query narrows a list. Filters are by name of the reference: "deployment",
// "configuration", "model", "result", "datasource", "parent", "status".
type Query struct {
	Q       string // part of a name
	Limit   int    // items a page, the server's default when 0
	After   string // cursor: Next of the page before
	Filters map[string]string
}

// String is the query part of an address, with its "?"; empty where it asks for
// all.
func (q Query) String() string {
	v := url.Values{}
	for name, value := range q.Filters {
		v.Set(name, value)
	}
	if q.Q != "" {
		v.Set("q", q.Q)
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.After != "" {
		v.Set("after", q.After)
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// Page is a part of a list; Next is the cursor of the next one, empty at the end.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" description:"cursor of the next part"`
}

// Resource reads one kind of resource of one function.
type Resource[T any] struct {
	client   *Client
	Function string
	Plural   string         // as in the path
	Thing    string         // as in the event types
	name     func(T) string // nil where the resource has no name
	id       func(T) int64
}

// Models reads the models of model-register.
func (c *Client) Models() Resource[pipeline.Model] {
	return Resource[pipeline.Model]{
		c, pipeline.StepModelRegister, "models", "model",
		func(m pipeline.Model) string { return m.Name }, func(m pipeline.Model) int64 { return m.ID },
	}
}

// Configurations reads the configurations of model-register.
func (c *Client) Configurations() Resource[pipeline.Configuration] {
	return Resource[pipeline.Configuration]{
		c, pipeline.StepModelRegister, "configurations", "configuration",
		func(m pipeline.Configuration) string { return m.Name }, func(m pipeline.Configuration) int64 { return m.ID },
	}
}

// Deployments reads the deployments of deploy-training.
func (c *Client) Deployments() Resource[pipeline.Deployment] {
	return Resource[pipeline.Deployment]{
		c, pipeline.StepDeployTraining, "deployments", "deployment",
		nil, func(m pipeline.Deployment) int64 { return m.ID },
	}
}

// Results reads the results of deploy-training.
func (c *Client) Results() Resource[pipeline.Result] {
	return Resource[pipeline.Result]{
		c, pipeline.StepDeployTraining, "results", "result",
		nil, func(m pipeline.Result) int64 { return m.ID },
	}
}

// Studies reads the studies of deploy-training.
func (c *Client) Studies() Resource[pipeline.Study] {
	return Resource[pipeline.Study]{
		c, pipeline.StepDeployTraining, "studies", "study",
		nil, func(m pipeline.Study) int64 { return m.ID },
	}
}

// Datasources reads the datasources of control-log.
func (c *Client) Datasources() Resource[pipeline.Datasource] {
	return Resource[pipeline.Datasource]{
		c, pipeline.StepControlLog, "datasources", "datasource",
		nil, func(m pipeline.Datasource) int64 { return m.ID },
	}
}

// Inferences reads the inferences of deploy-inference.
func (c *Client) Inferences() Resource[pipeline.Inference] {
	return Resource[pipeline.Inference]{
		c, pipeline.StepDeployInference, "inferences", "inference",
		func(m pipeline.Inference) string { return m.Name }, func(m pipeline.Inference) int64 { return m.ID },
	}
}

// URL is the resource's address, with more path elements after it.
func (r Resource[T]) URL(elements ...string) string {
	return strings.Join(append([]string{r.client.FunctionURL(r.Function), r.Plural}, elements...), "/")
}

// ID is the id of v.
func (r Resource[T]) ID(v T) int64 { return r.id(v) }

// Name is the name of v, its id in decimal where the resource has no name.
func (r Resource[T]) Name(v T) string {
	if r.name == nil {
		return decimal(r.id(v))
	}
	return r.name(v)
}

// Named reports whether the resource has names beside ids.
func (r Resource[T]) Named() bool { return r.name != nil }

// Get reads one.
func (r Resource[T]) Get(ctx context.Context, id int64) (T, error) {
	var v T
	return v, r.client.getJSON(ctx, r.URL(decimal(id)), &v)
}

// List reads one page.
func (r Resource[T]) List(ctx context.Context, q Query) (Page[T], error) {
	var p Page[T]
	err := r.client.getJSON(ctx, r.URL()+q.String(), &p)
	return p, err
}

// All walks every page. It ends after the first error.
func (r Resource[T]) All(ctx context.Context, q Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := r.List(ctx, q)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range page.Items {
				if !yield(v, nil) {
					return
				}
			}
			if page.Next == "" || page.Next == q.After {
				return
			}
			q.After = page.Next
		}
	}
}

// Find reads one by id or, where the resource has names, by name. Digits are
// taken as an id first.
func (r Resource[T]) Find(ctx context.Context, ref string) (T, error) {
	var none T
	id, err := strconv.ParseInt(ref, 10, 64)
	if err == nil {
		v, err := r.Get(ctx, id)
		if pipeline.KindOf(err) != pipeline.NotFound || err == nil {
			return v, err
		}
		if r.name == nil {
			return none, r.absent(ref)
		}
	}
	if r.Thing == "result" && strings.Contains(ref, "@") {
		return r.aliased(ctx, ref)
	}
	if r.name == nil {
		return none, pipeline.Invalidf(r.Thing, "%q is not the id of a %s", ref, r.Thing).
			WithHint("`kafkaml %s list` shows the ids", r.Plural)
	}
	for v, err := range r.All(ctx, Query{Q: ref}) {
		if err != nil {
			return none, err
		}
		if r.name(v) == ref {
			return v, nil
		}
	}
	return none, r.absent(strconv.Quote(ref))
}

func (r Resource[T]) absent(ref string) error {
	return &pipeline.Error{
		Op: "find " + r.Thing, Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no %s %s", r.Thing, ref),
		Hint: "`kafkaml " + r.Plural + " list` shows what there is",
	}
}

// aliased reads the one that MODEL@ALIAS names.
func (r Resource[T]) aliased(ctx context.Context, ref string) (T, error) {
	var none T
	page, err := r.List(ctx, Query{Filters: map[string]string{"alias": ref}})
	if err != nil {
		return none, err
	}
	if len(page.Items) != 1 {
		return none, &pipeline.Error{Op: "find " + r.Thing, Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no alias %s", ref), Hint: "`kafkaml results list` shows what there is"}
	}
	return page.Items[0], nil
}

// Command is one verb of the resource's function, with a form as its data.
func (r Resource[T]) Command(verb string, id int64, data any) Command {
	return Command{Function: r.Function, Thing: r.Thing, Verb: verb, Subject: id, Data: data}
}

// Delete asks for one to be deleted. One that is still used is refused, naming
// its users.
func (r Resource[T]) Delete(id int64) Command { return r.Command("delete", id, nil) }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
