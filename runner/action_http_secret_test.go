package runner

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A redirect takes the body to another path of its host, and nowhere else.
func TestHTTPRedirectOfABody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	note := func(where string, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %q %s", where, r.Method, body, r.Header.Get("X-Key")))
	}
	other := serve(t, func(w http.ResponseWriter, r *http.Request) { note("other", r) })
	home := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note("home", r)
		status := 0
		if n, _ := fmt.Sscanf(r.URL.Path, "/%d", &status); n == 1 {
			http.Redirect(w, r, map[string]string{"": "/", "other": other}[r.URL.Query().Get("to")], status)
		}
	})
	for _, test := range []struct {
		path string
		http HTTP
		saw  string // behind what home saw first
		err  string
	}{
		{"/307", HTTP{Method: "POST", Body: "private"}, `home POST "private" k`, ""},
		{"/308", HTTP{Method: "PUT", BodyFile: file}, `home PUT "private" k`, ""},
		{"/307?to=other", HTTP{Method: "POST", Body: "private"}, "", "status 307 redirects to another host"},
		{"/308?to=other", HTTP{Method: "PUT", BodyFile: file}, "", "status 308 redirects to another host"},
		{"/302?to=other", HTTP{Method: "POST", Body: "private"}, `other GET "" `, ""},
		{"/303?to=other", HTTP{Method: "POST", BodyFile: file}, `other GET "" `, ""},
		{"/307?to=other", HTTP{Method: "POST"}, `other POST "" `, ""},
		{"/307?to=other", HTTP{Method: "DELETE"}, `other DELETE "" `, ""},
	} {
		got = nil
		h := test.http
		h.URL, h.Headers = home+test.path, map[string]string{"X-Key": "k"}
		_, err := runHTTP(t, h)
		if saw := strings.Join(got[1:], "; "); saw != test.saw || !matches(err, test.err) {
			t.Errorf("%s %s: saw %s, %v; want %s, %s", h.Method, test.path, saw, err, test.saw, test.err)
		}
	}
}

// If a request fails in any way, no output and no error contains more of its URL and
// headers than scheme, host and path.
func TestHTTPSecretsStay(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/location":
			w.Header().Set("Location", "http://host:port/?token=other-secret")
			w.WriteHeader(302)
		case "/elsewhere":
			w.Header().Set("Location", "gopher://host/?token=other-secret")
			w.WriteHeader(302)
		case "/created":
			w.Header().Set("Location", "http://host:port/?token=other-secret")
			w.WriteHeader(201)
		default:
			w.WriteHeader(500)
			user, pass, _ := r.BasicAuth()
			fmt.Fprintln(w, user, pass, r.URL.RawQuery, r.URL.Query().Get("token"), r.Header.Get("X-Key"), strings.TrimPrefix(r.Header.Get("X-Auth"), "Bearer "))
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // a server that speaks no HTTP, and echoes what it received
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "query-secret bearer-secret\r\n\r\n")
			c.Close()
		}
	}()
	for _, url := range []string{
		"http://" + l.Addr().String() + "/",
		"http://127.0.0.1:1/", "http://nosuch.invalid/", "https" + strings.TrimPrefix(base, "http") + "/",
		base + "/echo", base + "/location", base + "/elsewhere", base + "/created",
	} {
		scheme, rest, _ := strings.Cut(url, "://")
		h := HTTP{URL: scheme + "://user-secret:pass-secret@" + rest + "?token=%71uery-secret", Headers: map[string]string{"X-Key": "header-secret", "X-Auth": "Bearer bearer-secret"}}
		out, err := runHTTP(t, h)
		if all := out + fmt.Sprint(err); strings.Contains(all, "secret") || !strings.Contains(all, url) {
			t.Errorf("%s: %s", url, all)
		}
		if (err == nil) != strings.HasSuffix(url, "/created") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestShownURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.org":                           "https://example.org",
		"https://ada:hunter2@example.org:8443/a/b":      "https://example.org:8443/a/b",
		"https://ada:hunt@er2@example.org/?a=b#c":       "https://example.org/",
		"https://example.org?token=t":                   "https://example.org",
		"https://example.org/{{.Task | urlquery}}?k=v":  "https://example.org/{{.Task | urlquery}}",
		"https://example.org/?k={{.Params.x|urlquery}}": "https://example.org/",
		"https://example.org/a@b/c":                     "https://example.org/a@b/c",
		"ada:hunter2@example.org":                       "…",
	} {
		if got := ShownURL(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// An error about a URL does not contain the URL.
func TestURLFaultsSayNoSecret(t *testing.T) {
	for _, text := range []string{
		"http://user:secret@h:port/", "http://user:sec/ret@h/", "http://h/%secret", "http://us er:secret@h/", "http://h/\x01secret", "http://[secret/", "http://user:%secret@h/",
	} {
		p := checkURL(text, taskFields)
		if len(p) == 0 && text != "http://user:sec/ret@h/" {
			t.Errorf("%s is right", text)
		}
		for _, p := range p {
			if strings.Contains(p.Msg+p.Hint, "sec") || strings.Contains(p.Msg, "ret") {
				t.Errorf("%s: %s; %s", text, p.Msg, p.Hint)
			}
		}
	}
}
