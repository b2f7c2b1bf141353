package runner

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// serve starts a server on loopback that ends with the test.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL
}

func runHTTP(t *testing.T, h HTTP) (string, error) {
	t.Helper()
	wantProblems(t, h, h.Check())
	var out strings.Builder
	err := h.Run(t.Context(), sampleInput(), &out)
	return regexp.MustCompile(` in [0-9.]+m?s,`).ReplaceAllString(out.String(), " in T,"), err
}

func TestHTTP(t *testing.T) {
	dir := t.TempDir()
	file, empty := filepath.Join(dir, "body"), filepath.Join(dir, "empty")
	os.WriteFile(file, []byte("from a {{file}}"), 0o600)
	os.WriteFile(empty, nil, 0o600)
	var got string // what the server received
	loops := 0
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %d %q", r.Method, r.URL, r.ContentLength, body)
		for _, name := range []string{"Authorization", "User-Agent", "X-Tag"} {
			if v := r.Header.Get(name); v != "" && v != "rota" {
				got += " " + name + "=" + v
			}
		}
		if !strings.HasPrefix(r.Host, "127.0.0.1") {
			got += " Host=" + r.Host
		}
		switch r.URL.Path {
		case "/503":
			http.Error(w, "\x1b[31mno \"database\"", http.StatusServiceUnavailable)
		case "/204":
			w.WriteHeader(204)
		case "/302":
			http.Redirect(w, r, "/landed", http.StatusFound)
		case "/307":
			http.Redirect(w, r, "/landed", http.StatusTemporaryRedirect)
		case "/loop":
			loops++
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			io.WriteString(w, "all is well")
		}
	})
	authority := strings.TrimPrefix(base, "http://")
	for _, test := range []struct {
		http HTTP // URL without the base
		saw  string
		says string // without the base; "" is as the method, the URL and a body of 11 bytes
		err  string // without the base
	}{
		{http: HTTP{URL: "/"}, saw: `GET / 0 ""`, says: "GET / 200 in T, 11 bytes"},
		{http: HTTP{URL: "/204"}, saw: `GET /204 0 ""`, says: "GET /204 204 in T, 0 bytes"},
		{http: HTTP{URL: "/", Method: "HEAD"}, saw: `HEAD / 0 ""`, says: "HEAD / 200 in T, 0 bytes"},
		{http: HTTP{URL: "/p", Method: "POST", Body: "{{.Task}}"}, saw: `POST /p 6 "backup"`, says: "POST /p 200 in T, 11 bytes"},
		{http: HTTP{URL: "/p", Method: "PUT", BodyFile: file}, saw: `PUT /p 15 "from a {{file}}"`, says: "PUT /p 200 in T, 11 bytes"},
		{http: HTTP{URL: "/p", Method: "PUT", BodyFile: empty}, saw: `PUT /p 0 ""`, says: "PUT /p 200 in T, 11 bytes"},
		{http: HTTP{URL: "/d?d={{.Params.day | urlquery}}"}, saw: `GET /d?d=so+%26+so 0 ""`, says: "GET /d 200 in T, 11 bytes"},
		{http: HTTP{URL: "/", Headers: map[string]string{"x-tag": "a", "user-agent": "me", "host": "other"}},
			saw: `GET / 0 "" User-Agent=me X-Tag=a Host=other`, says: "GET / 200 in T, 11 bytes"},

		{http: HTTP{URL: "/", ExpectBody: "is w"}, saw: `GET / 0 ""`, says: "GET / 200 in T, 11 bytes"},
		{http: HTTP{URL: "/", ExpectBody: "is ill"}, saw: `GET / 0 ""`, says: "GET / 200 in T, 11 bytes",
			err: `GET /: "is ill" is not in the response (11 bytes)`},
		{http: HTTP{URL: "/503"}, saw: `GET /503 0 ""`, says: "GET /503 503 in T, 19 bytes",
			err: `GET /503: status 503, expected 200-299: "\x1b[31mno \"database\"\n"`},
		{http: HTTP{URL: "/503", Expect: []string{"404", "500-599"}}, saw: `GET /503 0 ""`, says: "GET /503 503 in T, 19 bytes"},
		{http: HTTP{URL: "/", Expect: []string{"404", "500-599"}}, saw: `GET / 0 ""`, says: "GET / 200 in T, 11 bytes",
			err: `GET /: status 200, expected 404, 500-599: "all is well"`},

		{http: HTTP{URL: "/302"}, saw: `GET /landed 0 ""`, says: "GET /302 200 in T, 11 bytes"},
		{http: HTTP{URL: "/302", Expect: []string{"302"}}, saw: `GET /302 0 ""`, says: "GET /302 302 in T, 30 bytes"},
		{http: HTTP{URL: "/307", Method: "POST", Body: "b"}, saw: `POST /landed 1 "b"`, says: "POST /307 200 in T, 11 bytes"},
		{http: HTTP{URL: "/307", Method: "POST", BodyFile: file}, saw: `POST /landed 15 "from a {{file}}"`, says: "POST /307 200 in T, 11 bytes"},
		{http: HTTP{URL: "/loop"}, saw: `GET /loop 0 ""`, err: "GET /loop: more than 10 redirects"},

		{http: HTTP{URL: "/x/{{.Params.up | urlquery}}/y"}, err: "url: a value makes its path lead to another directory"},
		{http: HTTP{URL: "/{{.Params.nosuch | urlquery}}"}, err: "url: template: line 1:"},
		{http: HTTP{URL: "/", Body: "{{.Params.nosuch}}"}, err: "body: template: line 1:"},
		{http: HTTP{URL: "/", BodyFile: "/dev/zero"}, err: "/dev/zero is not a regular file"},
		{http: HTTP{URL: "/", Save: dir}, err: "is not a regular file and is left unchanged"},
	} {
		for _, login := range []string{"", "user:secret@"} {
			h := test.http
			h.URL = "http://" + login + authority + h.URL
			got = ""
			out, err := runHTTP(t, h)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if strings.Contains(out+text, "user") || strings.Contains(out+text, "secret") {
				t.Errorf("%+v shows the login: %q, %s", h, out, text)
			}
			out, text = strings.ReplaceAll(out, base, ""), strings.ReplaceAll(text, base, "")
			saw := strings.Replace(got, " Authorization=Basic dXNlcjpzZWNyZXQ=", "", 1)
			if says := strings.TrimSuffix(out, "\n"); saw != test.saw || says != test.says ||
				!strings.Contains(text, test.err) || (text == "") != (test.err == "") {
				t.Errorf("%+v:\n saw %s\nsaid %s\n err %s", h, saw, says, text)
			}
		}
	}
	if want := 2 * (1 + redirectsMax); loops != want { // with and without login
		t.Errorf("a loop was followed %d times, want %d", loops, want)
	}
}

// However the end of a context breaks a request off, its cause is the error.
func TestHTTPRequestError(t *testing.T) {
	stop, refused := errors.New("stop"), errors.New("refused")
	ctx, cancel := context.WithCancelCause(t.Context())
	failure := &url.Error{Op: "Get", URL: "http://user@h/", Err: refused}
	if err := requestError(ctx, "GET http://h/", failure, nil); err.Error() != "GET http://h/: refused" || !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	cancel(stop)
	if err := requestError(ctx, "GET http://h/", failure, nil); err.Error() != "GET http://h/: stop" || !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestHTTPSave(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range bodyMax>>16 + 1 {
				z.Write(make([]byte, 64<<10))
			}
			z.Close()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		case "/404":
			http.NotFound(w, r)
		default:
			io.WriteString(w, "new")
		}
	})
	for _, test := range []struct {
		path, search string
		saved        bool
		err          string
	}{
		{path: "/", saved: true},
		{path: "/", search: "new", saved: true},
		{path: "/", search: "old", err: `"old" is not in the response`},
		{path: "/404", err: "status 404"},
		{path: "/cut", err: "response: unexpected EOF"},
		{path: "/endless", err: "response is larger than 10 MiB and was not saved"},
		{path: "/bomb", err: "response is larger than 10 MiB and was not saved"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		os.WriteFile(path, []byte("old"), 0o640)
		out, err := runHTTP(t, HTTP{URL: base + test.path, Save: path, ExpectBody: test.search})
		if !matches(err, test.err) || out == "" {
			t.Errorf("%s: %q, %v, want %s", test.path, out, err, test.err)
		}
		want := "old"
		if test.saved {
			want = "new"
		}
		wantFile(t, path, want, 0o640)
		wantEntries(t, dir, 1)
	}

	t.Run("a new file", func(t *testing.T) {
		defer syscall.Umask(syscall.Umask(0o027))
		path := filepath.Join(t.TempDir(), "file")
		if out, err := runHTTP(t, HTTP{URL: base, Save: path}); err != nil {
			t.Error(out, err)
		}
		wantFile(t, path, "new", 0o640)
	})
	t.Run("endless and not saved", func(t *testing.T) {
		out, err := runHTTP(t, HTTP{URL: base + "/endless"})
		if want := "GET " + base + "/endless 200 in T, more than 65536 bytes\n"; err != nil || out != want {
			t.Errorf("%q, %v; want %q", out, err, want)
		}
		out, err = runHTTP(t, HTTP{URL: base + "/endless", ExpectBody: "x"})
		if !matches(err, `"x" is not in the response (more than 10485760 bytes)`) {
			t.Errorf("%q, %v", out, err)
		}
	})
}

// A server that goes silent cannot keep the run longer than its context.
func TestHTTPEndsWithContext(t *testing.T) {
	for _, name := range []string{"before the header", "within the body", "within an error"} {
		t.Run(name, func(t *testing.T) {
			stop := errors.New("stop")
			ctx, cancel := context.WithCancelCause(t.Context())
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if name != "before the header" {
					if name == "within an error" {
						w.WriteHeader(500)
					}
					io.WriteString(w, "begun")
					w.(http.Flusher).Flush()
				}
				cancel(stop)
				<-r.Context().Done()
			})
			h := HTTP{URL: base}
			if err := h.Run(ctx, Input{}, io.Discard); !errors.Is(err, stop) {
				t.Errorf("got %v, want the cause of the context", err)
			}
		})
	}
}

func TestHTTPNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	base := "http://user:secret@" + l.Addr().String()
	out, err := runHTTP(t, HTTP{URL: base + "/x"})
	if want := "GET http://" + l.Addr().String() + "/x: dial tcp"; out != "" || !matches(err, want) {
		t.Errorf("%q, %v; want %s", out, err, want)
	}
}

// Possible secrets are sent only to the host of the url, even if the redirects lead back
// to it.
func TestHTTPRedirectToAnotherHost(t *testing.T) {
	var first, last http.Header
	var other string
	home := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			last = r.Header
			return
		}
		first = r.Header
		http.Redirect(w, r, other, http.StatusFound)
	})
	var seen http.Header
	other = serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		http.Redirect(w, r, home+"/back", http.StatusFound)
	})
	headers := map[string]string{"X-Api-Key": "k", "Authorization": "Bearer t", "Cookie": "c", "Accept": "text/plain", "User-Agent": "me"}
	if _, err := runHTTP(t, HTTP{URL: home + "/?token=t", Headers: headers}); err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		if first.Get(name) != value {
			t.Errorf("%s did not reach its host", name)
		}
	}
	for _, h := range []http.Header{seen, last} {
		for _, name := range []string{"X-Api-Key", "Authorization", "Cookie", "Referer", "Accept"} {
			if h.Get(name) != "" {
				t.Errorf("%s went to another host", name)
			}
		}
		if h.Get("User-Agent") != "rota" {
			t.Errorf("%v", h)
		}
	}
}

func TestHTTPRedirectRule(t *testing.T) {
	for _, test := range []struct {
		from, to string
		err      string
	}{
		{"http://a/", "http://a/x", ""},
		{"http://a/", "https://a/", ""},
		{"https://a/", "https://b/", ""},
		{"https://a/", "http://a/", "a redirect from https to http is refused"},
		{"https://a/", "ftp://a/", "a redirect from https to ftp is refused"},
	} {
		request := func(text string) *http.Request {
			r, err := http.NewRequest("GET", text, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Response = &http.Response{StatusCode: 302}
			return r
		}
		err := expected{{200, 299}}.checkRedirect(request(test.to), []*http.Request{request(test.from)})
		if !matches(err, test.err) {
			t.Errorf("%s to %s: %v, want %s", test.from, test.to, err, test.err)
		}
	}
}

func TestHTTPFaults(t *testing.T) {
	const u = "http://h/"
	for _, test := range []struct {
		http HTTP
		want []string
	}{
		{HTTP{}, []string{"url: url is needed"}},
		{HTTP{URL: "example.org"}, []string{"url: url does not begin with http:// or https://"}},
		{HTTP{URL: "ftp://h/"}, []string{"url: url does not begin with"}},
		{HTTP{URL: "http:///x"}, []string{"url: url has no host"}},
		{HTTP{URL: "http://:80/"}, []string{"url: url has no host"}},
		{HTTP{URL: "http://user:secret@h:port/"}, []string{`url: url cannot be read: its login, host or port is malformed`}},
		{HTTP{URL: "http://h/\n"}, []string{"url: url cannot be read: it has a control character"}},
		{HTTP{URL: u, Method: "get"}, []string{`method: method "get" is not in capitals`}},
		{HTTP{URL: u, Method: "GET /"}, []string{`method: method "GET /" cannot be used`}},
		{HTTP{URL: u, Method: "CONNECT"}, []string{"method: "}},
		{HTTP{URL: u, Body: "x", BodyFile: "/x"}, []string{"body_file: http has both"}},
		{HTTP{URL: u, Body: "{{.X}}"}, []string{"body: template: unknown field .X"}},
		{HTTP{URL: u, BodyFile: "/{{.Task}}"}, []string{"body_file: body_file cannot be a template"}},
		{HTTP{URL: u, Save: "/x/"}, []string{"save: save names a directory"}},
		{HTTP{URL: u, Expect: []string{"2xx"}}, []string{`expect: "2xx" is not a status`}},
		{HTTP{URL: u, Headers: map[string]string{"A B": "x"}}, []string{`headers.A B: "A B" is not a header name`}},
		{HTTP{URL: u, Headers: map[string]string{"": "x"}}, []string{`headers.: "" is not a header name`}},
		{HTTP{URL: u, Headers: map[string]string{"A": "x\r\nB: y"}}, []string{"headers.A: the value of a header is one line"}},
		{HTTP{URL: u, Headers: map[string]string{"A": "{{.Task}}"}}, []string{"headers.A: a header cannot be a template"}},
		{HTTP{URL: u, Headers: map[string]string{"A-B": "x", "a-b": "x"}}, []string{"headers.a-b: header a-b is set twice, also as A-B"}},
		{HTTP{URL: u, Headers: map[string]string{"content-length": "7"}}, []string{"headers.content-length: Content-Length is set by rota"}},
	} {
		wantProblems(t, test.http, test.http.Check(), test.want...)
	}
}

func TestURLTemplate(t *testing.T) {
	const unescaped, host = "in a url is not escaped", "scheme and host of a url cannot be filled in"
	for text, want := range map[string]string{
		"https://h/{{.Task | urlquery}}":                                   "",
		"https://h/{{urlquery .Task}}?a={{.Run | printf `%s` | urlquery}}": "",
		"https://h?q={{.Task | urlquery}}":                                 "",
		"https://h/{{if .Attempt}}{{.Task | urlquery}}{{else}}x{{end}}":    "",
		"https://h/{{$x := .Task}}{{$x | urlquery}}":                       "",
		"https://h/{{/* a comment */}}":                                    "",
		"https://h/{{.Task}}":                                              unescaped,
		"https://h/{{urlquery .Task | printf `%s/`}}":                      unescaped,
		"https://h/{{(.Task | urlquery)}}":                                 unescaped,
		"https://h/{{`/../`}}":                                             unescaped,
		"https://h/{{if true}}{{.Task}}{{end}}":                            unescaped,
		"https://h/{{if true}}{{else}}{{.Task}}{{end}}":                    unescaped,
		"https://h/{{range .Params}}{{.}}{{end}}":                          unescaped,
		"https://h/{{with .Task}}{{.}}{{end}}":                             unescaped,
		"https://h/{{$x := .Task}}{{$x}}":                                  unescaped,
		"https://h/{{template `x`}}":                                       "{{template \"x\"}} cannot be in a url",
		"https://h/{{define `x`}}{{end}}":                                  "a url cannot define templates",
		"https://{{.Host | urlquery}}/":                                    host,
		"{{.Task | urlquery}}://h/":                                        host,
		"https://h{{.Host | urlquery}}/":                                   host,
		"https://h:{{.Attempt | urlquery}}/":                               host,
		"https://{{.Task | urlquery}}@h/":                                  host,
		"/{{.Task | urlquery}}":                                            host,
		"https://h/{{.Tsak | urlquery}}":                                   "unknown field .Tsak",
		"https://h/{{.Task":                                                "template: line 1: unclosed action",
	} {
		p := checkURL(text, taskFields)
		if want == "" && len(p) > 0 || want != "" && (len(p) != 1 || p[0].Key != "url" || !strings.Contains(p[0].Msg, want)) {
			t.Errorf("%s: %v, want %s", text, p, want)
		}
	}
}

// For any url that passes Check, no value of a parameter leads to another host, or to a
// directory that the url does not name.
func FuzzURL(f *testing.F) {
	f.Add("https://h/{{.Params.day | urlquery}}?x={{.Task | urlquery}}", "/../@evil:80?#\r\n")
	f.Add("http://user:secret@h:8080?{{if .Task}}{{.Params.day | urlquery}}{{end}}", "..")
	f.Add("http://h/{{$x := .Params.day}}{{range $i, $c := .Params}}.{{$x | urlquery}}{{end}}", ".")
	f.Add("http://[::1]/%{{.Params.day | urlquery}}", "2e")
	f.Fuzz(func(t *testing.T, text, value string) {
		if len(checkURL(text, taskFields)) > 0 {
			return
		}
		fixed, _, _ := strings.Cut(text, "{{")
		want, err := url.Parse(fixed)
		if err != nil {
			t.Fatalf("%q passes, but not its fixed part: %v", text, err)
		}
		in := Input{Task: value, Params: map[string]string{"day": value}}
		h := HTTP{URL: text}
		got, err := h.target(t.Context(), in)
		if err != nil {
			return
		}
		if got.Scheme != want.Scheme || got.Host != want.Host || got.User.String() != want.User.String() {
			t.Errorf("%q with %q leads to %s", text, value, got)
		}
		if _, err := http.NewRequest("GET", got.String(), nil); err != nil {
			t.Errorf("%q with %q makes no request: %v", text, value, err)
		}
		for _, s := range strings.Split(got.Path, "/") {
			if s == ".." && text != got.String() && !strings.Contains(text, "..") {
				t.Errorf("%q with %q climbs: %s", text, value, got)
			}
		}
	})
}

func TestExpect(t *testing.T) {
	for _, test := range []struct{ list, want, err string }{
		{"", "200-299", ""},
		{"404", "404", ""},
		{"200-299,404", "200-299, 404", ""},
		{"100-599", "100-599", ""},
		{"204-204", "204", ""},
		{"299-200", "", `"299-200" begins after its end`},
		{"20", "", `"20" is not a status`},
		{"099", "", `"099" is not a status`},
		{"600", "", `"600" is not a status`},
		{"+20", "", `"+20" is not a status`},
		{"200-", "", `"200-" is not a status`},
		{"-200", "", `"-200" is not a status`},
		{"200-250-299", "", `"200-250-299" is not a status`},
		{"200 - 299", "", `"200 - 299" is not a status`},
		{"٢٠٠", "", `is not a status`},
	} {
		got, err := parseExpect(strings.FieldsFunc(test.list, func(r rune) bool { return r == ',' }))
		if got.String() != test.want || !matches(err, test.err) {
			t.Errorf("%s: %s, %v; want %s, %s", test.list, got, err, test.want, test.err)
		}
	}
}

func FuzzExpect(f *testing.F) {
	for _, text := range []string{"200", "200-299", "299-200", "2xx", "-", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseExpect([]string{text})
		if err != nil {
			return
		}
		if again, err := parseExpect([]string{e.String()}); err != nil || again.String() != e.String() {
			t.Errorf("%q is %s, which is %s, %v", text, e, again, err)
		}
		if s := e[0]; len(e) != 1 || s.from < 100 || s.to > 599 || !e.has(s.from) || !e.has(s.to) || e.has(s.from-1) || e.has(s.to+1) {
			t.Errorf("%q is %v", text, e)
		}
	})
}

func TestFinder(t *testing.T) {
	for _, test := range []struct {
		want, pieces string // pieces between bars
		found        bool
	}{
		{"abc", "abc", true},
		{"abc", "a|b|c", true},
		{"abc", "xxa|bc|xx", true},
		{"abc", "ab|abc", true},
		{"abc", "ab|xc", false},
		{"a", "x|a", true},
		{"abc", "", false},
		{"aab", "a|a|a|b", true},
	} {
		f := finder{want: test.want}
		for _, piece := range strings.Split(test.pieces, "|") {
			if n, err := f.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		if f.found != test.found {
			t.Errorf("%+v: found %v", test, f.found)
		}
	}
}
