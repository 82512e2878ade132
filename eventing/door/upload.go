package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Upload is how a route takes a file as the body of its request.
type Upload struct {
	Most  int64       // bytes of a file
	Hint  string      // what to do with one that is larger
	Query []api.Param // what is said of it
	// Receive reads the file and gives the data of the command's event, which tells
	// the file by its content, and a context for the command in which it finds what
	// was received. done is called after the command, whatever Receive gives.
	Receive func(ctx context.Context, file io.Reader, r *http.Request) (data any, with context.Context, done func(), err error)
}

// upload is the handler of a route that takes a file.
func (d *door) upload(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		u := route.Upload
		body := &body{Reader: http.MaxBytesReader(w, r.Body, u.Most), control: http.NewResponseController(w)}
		if err := announced(u, r); err != nil {
			d.metrics.observe(route.Type, outcomeMalformed, start)
			Problem(w, err)
			return
		}
		data, ctx, done, err := u.Receive(r.Context(), body, r)
		if done != nil {
			defer done()
		}
		if err != nil {
			d.metrics.observe(route.Type, outcomeMalformed, start)
			Problem(w, body.explain(u, err))
			return
		}
		_ = body.control.SetReadDeadline(time.Time{})
		_ = body.control.SetWriteDeadline(time.Now().Add(commandTime + 10*time.Second)) // a recorder in a test has none
		ctx, cancel := context.WithTimeout(ctx, commandTime)
		defer cancel()
		d.answer(w, r.WithContext(ctx), route, d.newCommand(route, r, "", data), start)
	}
}

// announced refuses, before it is read, what says that it is too large or not
// the file itself.
func announced(u *Upload, r *http.Request) error {
	if r.ContentLength > u.Most {
		return tooLarge(u, &http.MaxBytesError{Limit: u.Most})
	}
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case "application/json", "multipart/form-data":
		return &pipeline.Error{
			Kind: pipeline.Invalid, Field: "content-type", Reason: fmt.Sprintf("%s is not accepted here", media),
			Hint: "send the file itself as the body: curl --data-binary @FILE -H 'Content-Type: application/octet-stream'", Err: eventing.ErrMediaType,
		}
	}
	return nil
}

// body is a file that comes in, which may take its time as long as it comes at the
// pace that is asked of every body.
type body struct {
	io.Reader
	control *http.ResponseController
	read    int64
}

func (b *body) Read(p []byte) (int, error) {
	_ = b.control.SetWriteDeadline(time.Now().Add(commandTime)) // a recorder in a test has none
	n, err := b.Reader.Read(p)
	b.read += int64(n)
	return n, err
}

// explain says why a file could not be read to its end.
func (b *body) explain(u *Upload, err error) error {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return tooLarge(u, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &pipeline.Error{
			Kind: pipeline.Invalid, Field: "body", Reason: fmt.Sprintf("the upload ended after %d bytes, before it was complete", b.read),
			Hint: "send the file again", Err: errors.Join(errMalformed, err),
		}
	}
	return err
}

func tooLarge(u *Upload, err error) error {
	return &pipeline.Error{
		Kind: pipeline.Invalid, Field: "body", Reason: fmt.Sprintf("the file has more than %d bytes", u.Most), Hint: u.Hint, Err: err,
	}
}
