package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ImportURL is where the file that form describes is posted to.
func (c *Client) ImportURL(form pipeline.ImportForm) string {
	q := url.Values{}
	for name, value := range map[string]string{"name": form.Name, "description": form.Description, "file": form.File} {
		if value != "" {
			q.Set(name, value)
		}
	}
	address := c.Models().URL("import")
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	return address
}

// ImportModel keeps a model that was trained elsewhere: the file of size bytes
// (-1 where that is not known) that form describes, and a finished result of it.
// id is the idempotency key, a new UUID where it is empty.
func (c *Client) ImportModel(ctx context.Context, form pipeline.ImportForm, file io.Reader, size int64, id string) (made pipeline.ImportedModel, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.ImportURL(form), io.NopCloser(file)) // the caller closes the file
	if err != nil {
		return made, &pipeline.Error{Op: "import model", Kind: pipeline.Invalid, Field: "server", Err: err}
	}
	if id == "" {
		id = uuid.NewString()
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Idempotency-Key", id)
	req.Header.Set("Expect", "100-continue") // a file that is too large is refused before it is sent
	resp, err := c.do(req)
	if err != nil {
		return made, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&made); err != nil {
		return made, &pipeline.Error{Op: "read the answer to model import", Err: fmt.Errorf("%w: %w", errNotJSON, err)}
	}
	return made, nil
}
