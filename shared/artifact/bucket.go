package artifact

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/kafkaml/kafkaml/shared/trust"
)

// partSize is what of a blob is held in memory while it is sent, in bytes. A
// blob has at most 10,000 parts: 80 GiB.
const partSize = 8 << 20

// attempts is how often a request is made before a store counts as away; who
// calls tries again later.
const attempts = 3

// errRefused marks the answer of a store that will not change by itself, errNoBucket
// the one of them that names a reason.
var (
	errRefused  = errors.New("the store refuses")
	errNoBucket = fmt.Errorf("there is no such bucket: %w", errRefused)
)

// bucket keeps blobs in a bucket of S3. A blob is there once its last part is
// acknowledged, so that one which was begun and not ended is not seen.
type bucket struct {
	client       *minio.Core
	name, prefix string
	transport    *http.Transport
}

// settings are what a URL may say of a bucket.
var settings = []string{"region", "endpoint", "use_path_style", "prefix", "profile"}

func openBucket(ctx context.Context, u *url.URL) (blobs, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, err
	}
	for key := range q {
		if !slices.Contains(settings, key) {
			return nil, fmt.Errorf("%q is none of %s", key, strings.Join(settings, ", "))
		}
	}
	transport, err := trusting()
	if err != nil {
		return nil, err
	}
	host, secure, err := endpoint(first(q.Get("endpoint"), os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL")))
	if err != nil {
		return nil, err
	}
	o := &minio.Options{
		Creds: identity(q.Get("profile"), transport), Secure: secure, Transport: transport, MaxRetries: attempts,
		Region: first(q.Get("region"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	}
	if q.Get("use_path_style") == "true" {
		o.BucketLookup = minio.BucketLookupPath
	}
	client, err := minio.NewCore(host, o)
	if err != nil {
		return nil, err
	}
	b := bucket{client, u.Host, q.Get("prefix"), transport}
	found, err := client.BucketExists(ctx, b.name)
	if err == nil && !found {
		err = errNoBucket
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusForbidden {
		err = fmt.Errorf("%w: %w", errRefused, err) // on one line, as it is shown
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// first gives the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// endpoint splits the URL of a server; none is AWS.
func endpoint(address string) (host string, secure bool, err error) {
	if address == "" {
		return "s3.amazonaws.com", true, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false, fmt.Errorf("the endpoint %q is no URL of a server: http://host:9000", address)
	}
	return u.Host, u.Scheme == "https", nil
}

// identity looks for credentials where AWS' own clients do.
func identity(profile string, transport *http.Transport) *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{Profile: profile},
		&credentials.IAM{Client: &http.Client{Transport: transport}},
	})
}

// trusting makes a transport that trusts the authorities of AWS_CA_BUNDLE, where
// it names a file.
func trusting() (*http.Transport, error) {
	t, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, err
	}
	const bundle = "AWS_CA_BUNDLE"
	roots, err := trust.Roots(bundle, os.Getenv(bundle))
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, err
}

func (b bucket) put(ctx context.Context, key string, fill func(io.Writer) error) error {
	r, w := io.Pipe()
	filled := make(chan error, 1)
	go func() {
		err := fill(w)
		w.CloseWithError(err) // never fails; nil is the end of the blob
		filled <- err
	}()
	err := b.send(ctx, key, r)
	r.CloseWithError(errors.Join(errGivenUp, err)) // ends a fill that still writes
	if wrote := <-filled; wrote != nil && !errors.Is(wrote, errGivenUp) {
		return wrote // what was sent is without its end, and was not kept
	}
	return err
}

var errGivenUp = errors.New("the blob is no longer sent")

// send sends a blob in one request where it fits a part.
func (b bucket) send(ctx context.Context, key string, r io.Reader) error {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partSize}
	buffered := bufio.NewReaderSize(r, partSize)
	whole, err := buffered.Peek(partSize)
	switch {
	case err == nil:
		_, err = b.client.Client.PutObject(ctx, b.name, b.prefix+key, buffered, -1, o)
	case errors.Is(err, io.EOF):
		_, err = b.client.Client.PutObject(ctx, b.name, b.prefix+key, bytes.NewReader(whole), int64(len(whole)), o)
	}
	return err
}

func (b bucket) get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	content, i, _, err := b.client.GetObject(ctx, b.name, b.prefix+key, minio.GetObjectOptions{})
	return content, i.Size, missing(err)
}

func (b bucket) has(ctx context.Context, key string) (bool, error) {
	_, err := b.client.StatObject(ctx, b.name, b.prefix+key, minio.StatObjectOptions{})
	if err = missing(err); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// missing says of a blob that is not there what a folder says.
func missing(err error) error {
	if err != nil && minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return errors.Join(fs.ErrNotExist, err)
	}
	return err
}

func (b bucket) remove(ctx context.Context, prefix string) error {
	keys := []string{prefix}
	for e, err := range b.below(ctx, prefix) {
		if err != nil {
			return err
		}
		keys = append(keys, e.Key)
	}
	for _, key := range keys {
		if err := missing(b.client.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{})); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (b bucket) below(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for o := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix + "/", Recursive: true}) {
			if !yield(Entry{strings.TrimPrefix(o.Key, b.prefix), o.LastModified}, o.Err) || o.Err != nil {
				return
			}
		}
	}
}

func (b bucket) close() error {
	b.transport.CloseIdleConnections()
	return nil
}
