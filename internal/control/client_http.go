package control

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
)

// maxAnswer is the largest answer, in bytes, that is read as a whole.
const maxAnswer = 256 << 20

// readTimeout is the time limit for an answer that does not wait for a run.
const readTimeout = 30 * time.Second

// roundTrip sends a request and decodes the answer.
func (c *Client) roundTrip(ctx context.Context, method, path string, q url.Values, kind string, body io.Reader, into any) error {
	answer, err := c.send(ctx, method, path, q, kind, body, into)
	if err != nil {
		return err
	}
	defer answer.Close()
	bounded := &io.LimitedReader{R: answer, N: maxAnswer}
	if err := json.NewDecoder(bounded).Decode(into); err != nil {
		var syntax *json.SyntaxError
		switch {
		case bounded.N <= 0:
			return api.Errorf(api.Failed, "ask for less", "the answer of %s is larger than %d MiB", c.at, maxAnswer>>20)
		case errors.As(err, &syntax):
			return api.Errorf(api.NoDaemon, "is that the address of a rota?", "the answer of %s is not JSON", c.at)
		}
		return c.truncated(ctx, err)
	}
	io.Copy(io.Discard, bounded) // so that the connection can be used again
	return nil
}

// send sends a request and returns the body of the answer. If the answer is an error,
// its other fields are decoded into into, if that is not nil.
func (c *Client) send(ctx context.Context, method, path string, q url.Values, kind string, body io.Reader, into any) (io.ReadCloser, error) {
	address := c.base + path
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, api.Errorf(api.Usage, "", "%v", err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	r.Header.Set("Accept", "application/json, "+ndjson)
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, c.answerError(answer, into)
}

// answerError returns the error in an answer, and decodes the other fields into into.
func (c *Client) answerError(answer *http.Response, into any) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	var no struct {
		Error *api.Error `json:"error"`
	}
	if json.Unmarshal(text, &no) != nil || no.Error == nil || no.Error.Code == "" {
		said := escape.Short(string(text), 80)
		return api.Errorf(api.NoDaemon, "is that the address of a rota?", "%s answers %q: %q", c.at, answer.Status, said)
	}
	if into != nil {
		json.Unmarshal(text, into)
	}
	return no.Error
}

// truncated returns the error for an answer that was cut off.
func (c *Client) truncated(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return api.Errorf(api.Failed, "", "the answer of %s broke off: %v", c.at, err)
}

// unreachable returns the error for a request without an answer.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var own *api.Error // from reading the input
	if errors.As(err, &own) {
		return own
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		check   *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.Forbidden, "", "permission denied at %s", c.at)
	case errors.As(err, &unknown):
		return api.Errorf(api.NoDaemon, "name the file of its issuer in SSL_CERT_FILE", "the certificate of %s is not from an authority that this machine trusts", c.at)
	case errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &check):
		return api.Errorf(api.NoDaemon, "", "the certificate of %s: %v", c.at, err)
	case errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return api.Errorf(api.NoDaemon, "use http:// if it is on this machine", "%s does not speak TLS", c.at)
	case strings.HasPrefix(c.at, "http"):
		return api.Errorf(api.NoDaemon, "does it listen there? see [web] in its jobs.toml", "no daemon at %s: %v", c.at, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		hint := "start it: rota daemon"
		if c.at == "/run/rota/rota.sock" { // that of the packages' unit
			hint = "start it: systemctl start rota"
		}
		return api.Errorf(api.NoDaemon, hint, "no daemon at %s", c.at)
	}
	return api.Errorf(api.NoDaemon, "", "no daemon at %s: %v", c.at, err)
}
