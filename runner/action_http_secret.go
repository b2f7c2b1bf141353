package runner

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ShownURL is the url of a task without user, query and fragment, which may hold secrets.
func ShownURL(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return "…"
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	host, path, slash := strings.Cut(rest, "/")
	if slash {
		path = "/" + path
	}
	return scheme + "://" + host[strings.LastIndex(host, "@")+1:] + path
}

// shownURL is the same for a URL that has been read.
func shownURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// hostOnly is a URL without its path, too: the path of a webhook often is its only secret.
func hostOnly(u *url.URL) string { return u.Scheme + "://" + u.Host }

// publicHeaders are headers whose values are not secret.
var publicHeaders = []string{"Accept", "Accept-Language", "Content-Type", "Host", "User-Agent"}

// secrets are the parts of a request that a server may repeat in its response,
// and no error may; the longest first. The path is one if only the host of the url is
// shown.
func (a *HTTP) secrets(u *url.URL, path bool) []string {
	parts := []string{u.RawQuery, u.Fragment}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		parts = append(parts, value)
	}
	if pass, ok := u.User.Password(); ok {
		parts = append(parts, pass)
	}
	parts = append(parts, u.User.Username())
	if path {
		parts = append(parts, u.RequestURI(), u.EscapedPath(), u.Path)
		parts = append(parts, strings.Split(u.Path, "/")...)
	}
	for name, value := range a.Headers {
		if !slices.Contains(publicHeaders, http.CanonicalHeaderKey(name)) {
			parts = append(append(parts, value), strings.Fields(value)...)
		}
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return len(s) <= 3 }) // no secret, but part of many words
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return parts
}

// mask replaces secrets in a text.
func mask(text string, secrets []string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return text
}

// masked is an error whose text has its secrets masked.
type masked struct {
	text string
	error
}

func (m *masked) Error() string { return m.text }
func (m *masked) Unwrap() error { return m.error }

// maskError masks secrets in the text of an error.
func maskError(err error, secrets []string) error {
	return &masked{mask(err.Error(), secrets), err}
}

// checkedLocation refuses redirects to what is no URL before package net/http
// does, whose error repeats it.
type checkedLocation struct{ *http.Transport }

func (t checkedLocation) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if _, err := r.URL.Parse(resp.Header.Get("Location")); err != nil && resp.StatusCode/100 == 3 {
		resp.Body.Close()
		return nil, fmt.Errorf("status %d redirects to an invalid URL", resp.StatusCode)
	}
	return resp, nil
}

// proxy is that of the environment, which may hold a password.
func proxy(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("the proxy in the environment is not a URL")
	}
	return u, nil
}
