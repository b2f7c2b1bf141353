package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
)

//go:embed html static
var files embed.FS

// Options are the settings of the page.
type Options struct {
	Log *slog.Logger     // for errors of the page itself; nil: none
	Now func() time.Time // nil: [time.Now]
}

// Page serves the pages.
type Page struct {
	log    *slog.Logger
	now    func() time.Time
	host   string
	routes *http.ServeMux
	assets map[string]asset
	pushed pushLoad

	mu     sync.Mutex
	byBase map[string]*template.Template
}

// asset is a file that browsers cache, under an address that changes with it.
type asset struct {
	kind, sum string
	text      []byte
}

// New returns a page.
func New(o Options) *Page {
	p := &Page{log: o.Log, now: o.Now, assets: map[string]asset{}, byBase: map[string]*template.Template{}, routes: http.NewServeMux()}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.host, _ = os.Hostname()
	for name, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		text, err := files.ReadFile("static/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		sum := sha256.Sum256(text)
		p.assets[name] = asset{kind, hex.EncodeToString(sum[:6]), text}
	}
	for pattern, f := range routes {
		p.routes.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) {
			v := r.Context().Value(visitKey{}).(*visit)
			v.r = r // with the parts of its path
			if err := f(v); err != nil {
				v.problem(err)
			}
		})
	}
	return p
}

// routes are all pages, and the actions of forms.
var routes = map[string]func(*visit) error{
	"GET /{$}":                      (*visit).overview,
	"GET /timeline":                 (*visit).timeline,
	"GET /tasks/{task}":             (*visit).task,
	"GET /runs/{task}/{key}":        (*visit).run,
	"GET /runs/{task}/{key}/output": (*visit).output,
	"GET /queues":                   (*visit).queues,
	"GET /events":                   (*visit).events,
	"GET /login":                    (*visit).login,
	"GET /ask/{what}":               (*visit).confirm,
	"POST /do/{what}":               (*visit).act,
	"POST /zone":                    (*visit).setZone,
	"POST /pause":                   (*visit).setPause,
	"GET /live/{page...}":           (*visit).live,
	"/":                             func(v *visit) error { return api.Errorf(api.NotFound, "", "no page at this address") },
}

// policy is the Content-Security-Policy: only files from here.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// The bounds of a request.
const (
	answerTime = time.Minute // to receive a page
	formTime   = time.Minute // to send a form
	maxForm    = 8 << 20
)

type visitKey struct{}

// Serve answers a request of a caller. Its path is without the base of all addresses.
func (p *Page) Serve(w http.ResponseWriter, r *http.Request, who api.Visit) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	timer := http.NewResponseController(w)
	timer.SetWriteDeadline(p.now().Add(answerTime))
	if name, ok := strings.CutPrefix(r.URL.Path, "/static/"); ok {
		p.asset(w, r, name)
		return
	}
	v := &visit{Visit: who, p: p, w: w, now: p.now(), html: p.templates(who.Site.Base)}
	v.r = r.WithContext(withVisit(r.Context(), v))
	v.zone = v.chosenZone()
	if who.Service == nil {
		if err := v.signIn(); err != nil {
			v.problem(err)
		}
		return
	}
	if r.Method == http.MethodPost {
		timer.SetReadDeadline(p.now().Add(formTime))
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		v.r.Body = r.Body
	}
	p.routes.ServeHTTP(w, v.r)
}

// asset sends a file that browsers cache.
func (p *Page) asset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := p.assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	if r.URL.Query().Get("v") == a.sum {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.text))
}

// address is the one place where addresses are made: of their base and the parts of a
// path. A part may be the id of a run.
func address(base string, parts ...string) string {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = strings.ReplaceAll(url.PathEscape(part), "%2F", "/")
	}
	return base + path.Join("/", path.Join(escaped...))
}

// templates returns all templates for addresses that begin with base.
func (p *Page) templates(base string) *template.Template {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.byBase[base]; t != nil {
		return t
	}
	t := template.Must(template.New("").Funcs(template.FuncMap{
		"url":   func(parts ...string) string { return address(base, parts...) },
		"asset": func(name string) string { return address(base, "static", name) + "?v=" + p.assets[name].sum },
		"dom":   domID,
		"short": func(name string) string { return escape.Cut(name, 24) },
	}).ParseFS(files, "html/*.html"))
	if len(p.byBase) > 10 { // the file was changed that often
		clear(p.byBase)
	}
	p.byBase[base] = t
	return t
}

// domID is the id of the element of a named object.
func domID(kind, name string) string { return kind + "-" + strings.ReplaceAll(name, "/", "_") }

// statuses of HTTP for the codes of errors.
var statuses = map[api.Code]int{
	api.Usage: http.StatusBadRequest, api.Forbidden: http.StatusForbidden, api.NotFound: http.StatusNotFound, api.Conflict: http.StatusConflict,
	api.File: http.StatusUnprocessableEntity, api.NotNow: http.StatusServiceUnavailable,
}

// statusOf returns the status of HTTP for an error.
func statusOf(err error) int {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge
	}
	if status, ok := statuses[api.CodeOf(err)]; ok {
		return status
	}
	return http.StatusInternalServerError
}
