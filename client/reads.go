package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// ModelVersions reads every version of a model, newest first.
func (c *Client) ModelVersions(ctx context.Context, id int64) ([]pipeline.Model, error) {
	var p Page[pipeline.Model]
	err := c.getJSON(ctx, c.Models().URL(decimal(id), "versions"), &p)
	return p.Items, err
}

// Epochs reads the epochs of a result's newest attempt that come after the
// given one (0: all).
func (c *Client) Epochs(ctx context.Context, result int64, after int) ([]pipeline.Epoch, error) {
	var all []pipeline.Epoch
	for {
		var p Page[pipeline.Epoch]
		query := Query{After: cursor(after)}.String()
		if err := c.getJSON(ctx, c.Results().URL(decimal(result), "metrics")+query, &p); err != nil {
			return all, err
		}
		all = append(all, p.Items...)
		if p.Next == "" || len(p.Items) == 0 {
			return all, nil
		}
		after = p.Items[len(p.Items)-1].Epoch
	}
}

func cursor(after int) string {
	if after == 0 {
		return ""
	}
	return strconv.Itoa(after)
}

// Logs writes what the training process of a result has logged.
func (c *Client) Logs(ctx context.Context, result int64, w io.Writer) error {
	_, err := c.saveTo(ctx, c.Results().URL(decimal(result), "logs"), w)
	return err
}

// Download writes a finished result's model in a format that is kept and returns
// its bytes.
func (c *Client) Download(ctx context.Context, result int64, format pipeline.FormatKey, w io.Writer) (int64, error) {
	return c.saveTo(ctx, c.ModelURL(result, format), w)
}

// ModelURL is where a finished result's model is downloaded from.
func (c *Client) ModelURL(result int64, format pipeline.FormatKey) string {
	query := "?format=" + url.QueryEscape(format.Name)
	if format.Quantize != pipeline.NotQuantized {
		query += "&quantize=" + url.QueryEscape(string(format.Quantize))
	}
	return c.Results().URL(decimal(result), "model") + query
}

// Suggest reads how an inference of a result would best read its records.
func (c *Client) Suggest(ctx context.Context, result int64) (pipeline.InferenceForm, error) {
	var s pipeline.InferenceForm
	err := c.getJSON(ctx, c.Inferences().URL("suggest")+"?result="+decimal(result), &s)
	return s, err
}

// ModelExamples reads the ready-made models.
func (c *Client) ModelExamples(ctx context.Context) ([]pipeline.ModelForm, error) {
	var p Page[pipeline.ModelForm]
	err := c.getJSON(ctx, c.FunctionURL(pipeline.StepModelRegister)+"/models/examples", &p)
	return p.Items, err
}

// Ready is nil when a function can do its work.
func (c *Client) Ready(ctx context.Context, function string) error {
	_, err := c.saveTo(ctx, c.FunctionURL(function)+"/health/readiness", io.Discard)
	return err
}

// Read reads what a function answers at a path below its URL, which the caller
// has escaped, into the type that the caller knows it by.
func Read[T any](ctx context.Context, c *Client, function, path string) (v T, err error) {
	err = c.getJSON(ctx, c.FunctionURL(function)+"/"+path, &v)
	return v, err
}

// At reads what the origin itself answers at a path, such as whoami.
func At[T any](ctx context.Context, c *Client, path string) (v T, err error) {
	err = c.getJSON(ctx, c.Base+"/"+path, &v)
	return v, err
}

// Ask posts a question to a function, at a path below its URL, which the caller has
// escaped, and reads the answer. It is for what changes nothing; what does is a
// Command.
func Ask[T any](ctx context.Context, c *Client, function, path string, question any) (v T, err error) {
	body, err := json.Marshal(question)
	if err != nil {
		return v, &pipeline.Error{Op: "ask " + function, Kind: pipeline.Invalid, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.FunctionURL(function)+"/"+path, bytes.NewReader(body))
	if err != nil {
		return v, &pipeline.Error{Op: "ask " + function, Kind: pipeline.Invalid, Field: "server", Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.do(req)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&v); err != nil {
		return v, &pipeline.Error{Op: "read the answer of " + function, Err: err}
	}
	return v, nil
}
