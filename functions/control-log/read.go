package controllog

import (
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// list serves datasources with their retention as it is now.
func (s *Service) list(w http.ResponseWriter, r *http.Request) {
	q, err := door.ListQuery(r, "deployment", "datasource")
	if err != nil {
		door.Problem(w, err)
		return
	}
	var page registry.Page[pipeline.Datasource]
	err = s.Store.View(r.Context(), func(tx *registry.Tx) error {
		page, err = tx.Datasources(q)
		return err
	})
	if err != nil {
		door.Problem(w, err)
		return
	}
	s.refresh(r.Context(), page.Items)
	if page.Items == nil {
		page.Items = []pipeline.Datasource{}
	}
	door.WriteJSON(w, page)
}

// show serves one datasource with its retention as it is now.
func (s *Service) show(w http.ResponseWriter, r *http.Request) {
	id, err := door.PathID(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	one := make([]pipeline.Datasource, 1)
	err = s.Store.View(r.Context(), func(tx *registry.Tx) error {
		one[0], err = tx.Datasource(id)
		return err
	})
	if err != nil {
		door.Problem(w, err)
		return
	}
	s.refresh(r.Context(), one)
	door.WriteJSON(w, one[0])
}
