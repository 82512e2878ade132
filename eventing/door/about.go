package door

import (
	"net/http"

	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/version"
)

// About is what a function says of itself and of the registry that it stands on.
type About struct {
	Version  string         `json:"version"`
	Schema   int64          `json:"schema" description:"of the registry"`
	Knows    int64          `json:"knows" description:"the newest schema that this version knows"`
	Registry registry.Sizes `json:"registry"`
}

// about answers with what kafkaml doctor wants to know.
func (d *door) about(w http.ResponseWriter, r *http.Request) {
	schema, err := registry.Read(r.Context(), d.Store, (*registry.Tx).Schema)
	if err != nil {
		Problem(w, err)
		return
	}
	sizes, err := d.Store.Sizes(r.Context())
	if err != nil {
		Problem(w, err)
		return
	}
	WriteJSON(w, About{version.String(), schema, registry.Schema(), sizes})
}
