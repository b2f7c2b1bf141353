package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	bodyMax    = 10 << 20 // bytes of a response that are saved or searched
	drainMax   = 64 << 10 // bytes of any other response that are read, so that the connection can be reused
	headMax    = 1 << 20  // bytes of the header of a response
	snippetMax = 200      // bytes of a response that an error shows
)

// HTTP is the action that makes one request and judges the response. Proxies
// come from the environment of rota. Up to 10 redirects are followed, never
// from https to http; to another host goes nothing of what the task sends: no
// headers of its own and no body, so that a redirect that would take the body
// there (307, 308) is an error. A redirect whose status is expected is not
// followed. Of a URL the output and errors show scheme, host and path.
type HTTP struct {
	URL        string            // http or https; a template after the host, each value through urlquery
	Method     string            // "" is GET
	Headers    map[string]string // no templates
	Body       string            // a template; this or BodyFile
	BodyFile   string            // absolute; sent as it is
	Expect     []string          // statuses that are ok, "200-299" or "404"; none is 200-299
	ExpectBody string            // has to occur in the first 10 MiB of the response; "" is anything
	Save       string            // absolute; where a response as expected goes, at most 10 MiB; "" is nowhere
}

// Check returns what is wrong with the values.
func (a *HTTP) Check() []Problem { return a.check(taskFields) }

func (a *HTTP) check(f fields) []Problem {
	p := problems(checkURL(a.URL, f))
	switch upper := strings.ToUpper(a.Method); {
	case a.Method == "":
	case !isToken(a.Method) || upper == http.MethodConnect:
		p.add("method", fmt.Sprintf("method %q cannot be used", a.Method), `such as "GET" or "POST"`)
	case a.Method != upper:
		p.add("method", fmt.Sprintf("method %q is not in capitals", a.Method), fmt.Sprintf("write %q", upper))
	}
	p = append(p, checkHeaders(a.Headers)...)
	if a.Body != "" && a.BodyFile != "" {
		p.add("body_file", "http has both body and body_file", "keep one of them")
	}
	p = append(p, f.check("body", a.Body)...)
	checkPath(&p, "body_file", a.BodyFile, false)
	if _, err := parseExpect(a.Expect); err != nil {
		p.add("expect", err.Error(), `statuses are "204" or "200-299"`)
	}
	checkPath(&p, "save", a.Save, false)
	return p
}

// Run makes the request. It writes one line about the response to out.
func (a *HTTP) Run(ctx context.Context, in Input, out io.Writer) (err error) {
	expect, err := parseExpect(a.Expect)
	if err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	u, err := a.target(ctx, in)
	if err != nil {
		return err
	}
	req, err := a.request(ctx, u, in)
	if err != nil {
		return err
	}
	var save *targetFile
	if a.Save != "" {
		if save, err = openTarget(a.Save); err != nil {
			return err
		}
		defer save.close()
	}
	name := req.Method + " " + shownURL(u)
	if in.notification {
		name = req.Method + " " + hostOnly(u)
	}
	secrets := a.secrets(u, in.notification)

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = headMax
	transport.Proxy = proxy
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: checkedLocation{transport}, CheckRedirect: expect.checkRedirect}
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return requestError(ctx, name, err, secrets)
	}
	defer resp.Body.Close()
	size, err := a.receive(resp, expect, save, secrets)
	took := max(time.Since(start).Round(time.Millisecond), time.Millisecond)
	fmt.Fprintf(out, "%s %d in %s, %s\n", name, resp.StatusCode, took, size)
	if err != nil {
		return requestError(ctx, name, err, nil)
	}
	return nil
}

// requestError adds the request to an error, and removes the URL that net/http adds. The
// rest may be text of the server, so secrets are masked.
func requestError(ctx context.Context, name string, err error, secrets []string) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if _, own := errors.AsType[redirectError](err); !own && ctx.Err() == nil {
		err = maskError(err, secrets)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (a *HTTP) request(ctx context.Context, u *url.URL, in Input) (*http.Request, error) {
	var body io.Reader
	if a.Body != "" {
		text, err := render(ctx, "body", a.Body, in)
		if err != nil {
			return nil, err
		}
		body = strings.NewReader(text)
	}
	method := a.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, requestError(ctx, method+" "+shownURL(u), err, nil)
	}
	if a.BodyFile != "" {
		if req.Body, req.ContentLength, err = openBody(a.BodyFile); err != nil {
			return nil, err
		}
		req.GetBody = func() (io.ReadCloser, error) { // for a redirect
			body, _, err := openBody(a.BodyFile)
			return body, err
		}
	}
	req.Header.Set("User-Agent", "rota")
	for name, value := range a.Headers {
		req.Header.Set(name, value)
	}
	req.Host = req.Header.Get("Host") // net/http takes it from here only; "" is that of the URL
	req.Header.Del("Host")
	return req, nil
}

// openBody opens a file to be sent with the size that it has now, even if it
// grows meanwhile.
func openBody(path string) (io.ReadCloser, int64, error) {
	f, info, err := openRead(path)
	if err != nil {
		return nil, 0, err
	}
	if info.Size() == 0 {
		return http.NoBody, 0, f.Close()
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, info.Size()), f}, info.Size(), nil
}

// receive reads and checks the response. It returns how much it read.
func (a *HTTP) receive(resp *http.Response, expect expected, save *targetFile, secrets []string) (size string, err error) {
	if !expect.has(resp.StatusCode) {
		head, err := io.ReadAll(io.LimitReader(resp.Body, drainMax+1))
		text := ""
		if len(head) > 0 {
			text = mask(string(head), secrets) // before it is truncated, perhaps within a secret
			text = fmt.Sprintf(": %q", text[:min(len(text), snippetMax)])
		}
		if err != nil {
			text += fmt.Sprintf(" (%v)", err)
		}
		return sizeText(int64(len(head)), drainMax), fmt.Errorf("status %d, expected %s%s", resp.StatusCode, expect, text)
	}
	limit, sinks := int64(drainMax), []io.Writer{}
	var file *pendingFile
	if save != nil {
		perm, umask := fs.FileMode(0o644), true
		if st, err := save.stat(); err == nil { // as the file has it that is replaced
			perm, umask = fs.FileMode(st.Mode&0o777), false
		}
		if file, err = save.create(perm, umask); err != nil {
			return sizeText(0, 0), err
		}
		defer file.discard()
		limit, sinks = bodyMax, append(sinks, file)
	}
	search := finder{want: a.ExpectBody}
	if a.ExpectBody != "" {
		limit, sinks = bodyMax, append(sinks, &search)
	}
	n, err := io.Copy(io.MultiWriter(sinks...), io.LimitReader(resp.Body, limit+1))
	size = sizeText(n, limit)
	switch {
	case err != nil:
		return size, fmt.Errorf("response: %w", err)
	case a.ExpectBody != "" && !search.found:
		return size, fmt.Errorf("%q is not in the response (%s)", a.ExpectBody, size)
	case file == nil:
		return size, nil
	case n > limit:
		return size, fmt.Errorf("response is larger than %d MiB and was not saved", limit>>20)
	}
	return size, file.commit()
}

func sizeText(n, limit int64) string {
	if n > limit {
		return fmt.Sprintf("more than %d bytes", limit)
	}
	return fmt.Sprintf("%d bytes", n)
}

// files returns the paths of the files that the action reads or writes.
func (a *HTTP) files() []string { return []string{a.BodyFile, a.Save} }
