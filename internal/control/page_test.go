package control_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
)

// pageHouse is a server with a page that shows the caller.
func pageHouse(t *testing.T, w control.Web) (base string, l *control.Listener) {
	t.Helper()
	s := control.NewServer(control.Options{
		Service: controltest.NewFake("mail"),
		Page: func(w http.ResponseWriter, r *http.Request, v api.Visit) {
			if v.Service == nil {
				w.WriteHeader(http.StatusUnauthorized)
			}
			fmt.Fprintf(w, "%s %s who=%q signed=%v refused=%v retry=%v", r.Method, r.URL.Path, v.Caller.Who, v.SignedIn, v.Refused, v.Retry > 0)
		},
	})
	s.SetLoginDelay(time.Millisecond)
	w.Listen = "127.0.0.1:0"
	w.Tokens = []control.Token{{Name: "ops", Value: controlToken, May: api.MayControl}, {Name: "wall", Value: readToken, May: api.MayRead}}
	l, err := control.OpenWeb(w)
	if err != nil {
		t.Fatal(err)
	}
	(&house{server: s}).serve(t, l)
	return l.Addr(), l
}

// browser is an HTTP client that keeps cookies and follows nothing.
type browser struct {
	t *testing.T
	c *http.Client
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask sends a request, with a form if there is one, and returns the status, where it
// leads and what is said. Headers are pairs of names and values.
func (b browser) ask(method, at string, form url.Values, headers ...string) (status int, to, said string) {
	b.t.Helper()
	r, err := http.NewRequest(method, at, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	answer, err := b.c.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header.Get("Location"), string(text)
}

func basicOf(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// TestSignIn: a token in a form lets in, by a cookie that is worth something on the page
// alone, as long as the token is.
func TestSignIn(t *testing.T) {
	base, l := pageHouse(t, control.Web{})
	b := newBrowser(t)
	status, _, said := b.ask("GET", base+"/", nil)
	if status != 401 || !strings.Contains(said, `who="" signed=false refused=<nil>`) {
		t.Errorf("a stranger: %d %s", status, said)
	}
	if status, _, said = b.ask("POST", base+"/login", url.Values{"token": {"something that is wrong"}}); status != 401 || !strings.Contains(said, "the token is wrong") {
		t.Errorf("a wrong token: %d %s", status, said)
	}
	if status, _, _ = b.ask("POST", base+"/login", url.Values{"token": {controlToken}}, "Origin", "https://evil.example"); status == http.StatusSeeOther {
		t.Error("another site can sign a user in")
	}
	for _, to := range []string{"//evil.example", "https://evil.example", `/\evil.example`, ""} {
		fresh := newBrowser(t)
		base, _ := pageHouse(t, control.Web{})
		if status, at, _ := fresh.ask("POST", base+"/login", url.Values{"token": {controlToken}, "to": {to}}); status != http.StatusSeeOther || at != "/" {
			t.Errorf("to %q: %d %s", to, status, at)
		}
	}
	if status, at, _ := b.ask("POST", base+"/login", url.Values{"token": {controlToken}, "to": {"/tasks/mail?x=1"}}); status != http.StatusSeeOther || at != "/tasks/mail?x=1" {
		t.Errorf("the right one: %d %s", status, at)
	}
	if _, _, said = b.ask("GET", base+"/", nil); said != `GET / who="token ops" signed=true refused=<nil> retry=false` {
		t.Errorf("signed in: %s", said)
	}
	if status, _, _ = b.ask("GET", base+"/v1/status", nil); status != 401 {
		t.Errorf("the cookie opens the API: %d", status)
	}
	if status, _, _ = b.ask("POST", base+"/do/run", url.Values{}, "Origin", "https://evil.example"); status == 200 {
		t.Error("another site acts")
	}
	if status, _, _ = b.ask("GET", base+"/", nil, "Host", "evil.example"); status == 200 {
		t.Error("another name is answered to")
	}
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range b.c.Jar.Cookies(at) {
		if strings.Contains(cookie.Value, controlToken) {
			t.Error("the cookie has the token")
		}
		if status, _, _ := newBrowser(t).ask("GET", base+"/", nil, "Authorization", "Bearer "+cookie.Value); status == 200 {
			t.Error("the cookie is as good as the token")
		}
	}
	if err := l.Update(control.Web{Listen: "127.0.0.1:0", Tokens: []control.Token{{Name: "ops", Value: "another-0123456789abcdef", May: api.MayControl}}}); err != nil {
		t.Fatal(err)
	}
	if status, _, _ = b.ask("GET", base+"/", nil); status != 401 {
		t.Errorf("with the token of before: %d", status)
	}
}

// TestSignOut ends what the cookie is good for in this browser.
func TestSignOut(t *testing.T) {
	base, _ := pageHouse(t, control.Web{Site: api.Site{Base: "/rota"}})
	b := newBrowser(t)
	if status, at, _ := b.ask("POST", base+"/rota/login", url.Values{"token": {readToken}}); status != http.StatusSeeOther || at != "/rota/" {
		t.Fatalf("in: %d %s", status, at)
	}
	if status, _, said := b.ask("GET", base+"/rota/events", nil); status != 200 || !strings.HasPrefix(said, `GET /events who="token wall"`) {
		t.Errorf("signed in: %d %s", status, said)
	}
	if status, at, _ := b.ask("POST", base+"/rota/logout", url.Values{}); status != http.StatusSeeOther || at != "/rota/login" {
		t.Errorf("out: %d %s", status, at)
	}
	if status, _, _ := b.ask("GET", base+"/rota/events", nil); status != 401 {
		t.Errorf("signed out: %d", status)
	}
	if status, _, _ := b.ask("GET", base+"/rota/v1/status", nil, "Authorization", "Bearer "+readToken); status != 200 {
		t.Errorf("the API below the base: %d", status)
	}
	if status, _, said := b.ask("GET", base+"/rotary", nil, "Authorization", "Bearer "+readToken); status != 200 || !strings.HasPrefix(said, "GET /rotary ") {
		t.Errorf("what only begins like the base: %d %s", status, said)
	}
	if status, _, said := b.ask("GET", base+"/rota", nil, "Authorization", "Basic "+basicOf("x", readToken)); status != 200 || !strings.HasPrefix(said, "GET / ") {
		t.Errorf("Basic at the base alone: %d %s", status, said)
	}
}

// TestTriesToSignIn: one address may try to sign in five times a minute.
func TestTriesToSignIn(t *testing.T) {
	base, _ := pageHouse(t, control.Web{Proxy: control.Proxy{From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
	b := newBrowser(t)
	try := func(from string) (int, string) {
		t.Helper()
		status, _, said := b.ask("POST", base+"/login", url.Values{"token": {"something that is wrong"}}, "X-Forwarded-For", "10.9.9.9, "+from)
		return status, said
	}
	for i := range 5 {
		if _, said := try("10.0.0.1"); !strings.Contains(said, "the token is wrong") {
			t.Errorf("try %d: %s", i+1, said)
		}
	}
	if _, said := try("10.0.0.1"); !strings.Contains(said, "retry=true") {
		t.Errorf("one too many: %s", said)
	}
	if status, _, _ := b.ask("POST", base+"/login", url.Values{"token": {controlToken}}, "X-Forwarded-For", "10.0.0.1"); status == http.StatusSeeOther {
		t.Error("it is let in by the next try")
	}
	if _, said := try("10.0.0.2"); !strings.Contains(said, "the token is wrong") {
		t.Errorf("another address: %s", said)
	}
}

// TestProxy: only the proxy may name the user.
func TestProxy(t *testing.T) {
	for _, test := range []struct {
		name    string
		from    string
		headers []string
		status  int
		said    string
	}{
		{"the proxy", "127.0.0.0/8", []string{"Remote-User", "ada"}, 200, `who="user ada" signed=false`},
		{"the proxy without a user", "127.0.0.0/8", nil, 401, `who=""`},
		{"with a token", "127.0.0.0/8", []string{"Authorization", "Bearer " + readToken}, 200, `who="token wall"`},
		{"the user counts, and not what they send", "127.0.0.0/8", []string{"Remote-User", "ada", "Authorization", "Basic " + basicOf("ada", "secret")}, 200, `who="user ada"`},
		{"two users", "127.0.0.0/8", []string{"Remote-User", "ada", "Remote-User", "root"}, 401, "does not name one user"},
		{"a name that steers", "127.0.0.0/8", []string{"Remote-User", "ada\u202e"}, 401, "does not name one user"},
		{"somebody else", "10.0.0.0/8", []string{"Remote-User", "ada"}, 401, `who=""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			base, _ := pageHouse(t, control.Web{Proxy: control.Proxy{From: []netip.Prefix{netip.MustParsePrefix(test.from)}, UserHeader: "Remote-User", May: api.MayRead}})
			status, _, said := newBrowser(t).ask("GET", base+"/", nil, test.headers...)
			if status != test.status || !strings.Contains(said, test.said) {
				t.Errorf("%d %s, want %d %s", status, said, test.status, test.said)
			}
		})
	}
	l, err := control.OpenWeb(control.Web{Listen: "0.0.0.0:0", Proxy: control.Proxy{From: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, UserHeader: "Remote-User", May: api.MayRead}})
	if err != nil {
		t.Fatal(err)
	}
	s := control.NewServer(control.Options{Service: controltest.NewFake("mail")})
	(&house{server: s}).serve(t, l)
	_, port, _ := strings.Cut(strings.TrimPrefix(l.Addr(), "http://["), "]")
	if port == "" {
		_, port, _ = strings.Cut(strings.TrimPrefix(l.Addr(), "http://"), ":")
		port = ":" + port
	}
	if status, _, said := newBrowser(t).ask("GET", "http://127.0.0.1"+port+"/v1/status", nil, "Remote-User", "ada", "Authorization", "Bearer "+controlToken); status != 403 || !strings.Contains(said, "through a proxy only") {
		t.Errorf("past the proxy: %d %s", status, said)
	}
}

// TestPageIsOnTheWebOnly: the socket of rota has no page.
func TestPageIsOnTheWebOnly(t *testing.T) {
	h := open(t)
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return control.DialUnix(ctx, h.socket)
	}}}
	answer, err := c.Get("http://rota/events")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", answer.StatusCode)
	}
}
