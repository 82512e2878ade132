package door

import (
	"net/http"
	"sync"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Resource is a path that is no command: what it answers, and how the documents
// of the API describe that.
type Resource struct {
	api.Operation
	Handler http.HandlerFunc
	Role    identity.Role // that it takes; Nobody: viewer to read, editor for all else
}

// ListOf is List at a pattern with its description.
func ListOf[T any](pattern, about string, store *registry.Store, read func(*registry.Tx, registry.Query) (registry.Page[T], error), by ...string) Resource {
	return Resource{Operation: Listed[T](pattern, about, by...), Handler: List(store, read, by...)}
}

// Listed describes a list of T.
func Listed[T any](pattern, about string, by ...string) api.Operation {
	return api.Operation{
		Pattern: pattern, About: about, Query: ListParams(by...), Answer: api.Content{Type: registry.Page[T]{}}, Errors: []int{http.StatusUnprocessableEntity},
	}
}

// ListParams describes what ListQuery reads.
func ListParams(by ...string) []api.Param {
	all := []api.Param{
		{Name: "q", Value: "", About: "part of a name or note"},
		{Name: "limit", Value: 0, About: "items of a page, at most 1000 (default: 50)", Example: defaultPage},
		{Name: "after", Value: "", About: "next of the page before"},
		{Name: "status", Value: "", About: "only those of this status"},
	}
	for _, b := range by {
		if texts[b] != "" {
			all = append(all, api.Param{Name: b, Value: "", About: "only those of this " + b + ": " + texts[b]})
			continue
		}
		all = append(all, api.Param{Name: b, Value: int64(0), About: "only those of the " + b + " with this id", Example: 1})
	}
	return all
}

// GetOf is Get at a pattern with its description.
func GetOf[T any](pattern, about string, store *registry.Store, read func(*registry.Tx, int64) (T, error)) Resource {
	var zero T
	return Resource{Operation: One(pattern, about, zero), Handler: Get(store, read)}
}

// One describes a resource that a path with {id} names, answered as v is.
func One(pattern, about string, v any, query ...api.Param) api.Operation {
	return api.Operation{
		Pattern: pattern, About: about, Query: query, Answer: api.Content{Type: v},
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}
}

// Part describes f for the documents of the API; prefix stands before its
// paths.
func (f Function) Part(prefix string) api.Part {
	p := api.Part{Name: f.Name, Prefix: prefix, Takes: f.types(), Facts: append([]string{}, f.Facts...), Flows: f.Flows}
	for _, r := range f.Routes {
		op := api.Command(r.Pattern, r.Type, r.Made != "")
		if u := r.Upload; u != nil {
			op.Body, op.Query = api.Content{Media: api.Binary}, append(op.Query, u.Query...)
		}
		p.Operations = append(p.Operations, op)
	}
	for _, r := range f.Resources {
		p.Operations = append(p.Operations, r.Operation)
	}
	return p
}

// Document serves a document of parts, made when it is first asked for.
func Document(make func(...api.Part) []byte, parts ...api.Part) http.HandlerFunc {
	document := sync.OnceValue(func() []byte { return make(parts...) })
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document()) // the client may be gone
	}
}
