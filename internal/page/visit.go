package page

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rota/internal/api"
	"rota/internal/escape"
)

// visit is one request of a visitor.
type visit struct {
	api.Visit
	p     *Page
	w     http.ResponseWriter
	r     *http.Request
	now   time.Time
	zone  zone
	html  *template.Template
	known *api.Status // the status of rota, once it was queried
}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// url is the address of a page.
func (v *visit) url(parts ...string) string { return address(v.Site.Base, parts...) }

// mayAll reports whether the visitor may do something with all of rota on the page.
func (v *visit) mayAll(need api.Scope) bool {
	return v.Site.Actions && v.Caller.OverAll() != "" && v.Caller.OverAll().Allows(need)
}

// may reports whether the visitor may do something with a task on the page. It only hides
// buttons of actions that would be refused.
func (v *visit) may(need api.Scope, task string) bool {
	has := v.Caller.Over(task)
	return v.Site.Actions && has != "" && has.Allows(need)
}

// head is the data of the header and footer of all pages.
type head struct {
	Title                     string
	Page                      string // in the list of pages; "": none of them
	Here                      string // the path and query of the page, without the base
	Live                      string // the address of the stream of changes; "": none
	Status                    *status
	Who                       string
	SignedIn, Actions, Paused bool
	Others                    []api.Other
	Zones                     []choice
	Done                      string // what the visitor has just done
	DoneURL                   string // the address of the result
}

// choice is an option of a list.
type choice struct {
	Value, Text, URL string
	Chosen           bool
}

// head returns the head of a page.
func (v *visit) head(page, title string) (head, error) {
	h := head{Title: title, Page: page, Here: v.r.URL.RequestURI(), SignedIn: v.SignedIn, Actions: v.Site.Actions, Others: v.Site.Others, Zones: v.zone.choices(), Who: v.Caller.Who}
	here := *v.r.URL
	query := here.Query()
	query.Del("did")
	query.Del("of")
	here.RawQuery = query.Encode()
	h.Here = (&url.URL{Path: here.Path, RawQuery: here.RawQuery}).RequestURI()
	h.Done, h.DoneURL = v.resultText()
	if c, err := v.r.Cookie(pauseCookie); err == nil && c.Value == "1" {
		h.Paused = true
	}
	s, err := v.status()
	h.Status = &s
	return h, err
}

// live is the address of the stream of a page.
func (h *head) live(v *visit, page string, query url.Values) {
	h.Live = v.url("live", page)
	if len(query) > 0 {
		h.Live += "?" + query.Encode()
	}
}

// render renders a template. Control characters, also those of text direction, are
// escaped everywhere; the markup has none.
func (v *visit) render(name string, data any) ([]byte, error) {
	var b strings.Builder
	err := v.html.ExecuteTemplate(&b, name, data)
	return []byte(escape.Lines(b.String())), err
}

// show sends a page.
func (v *visit) show(status int, name string, data any) error {
	text, err := v.render(name, data)
	if err != nil {
		v.p.log.Error("the page cannot be made", "page", name, "error", err)
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	v.w.WriteHeader(status)
	v.w.Write(text)
	return nil
}

// problemPage shows an error.
type problemPage struct {
	Head    head
	Title   string
	Text    string
	Hint    string
	Faults  []api.Fault
	NotDone []api.NotDone
	Back    string
}

// problem answers with an error, as a page.
func (v *visit) problem(err error) {
	status := statusOf(err)
	p := problemPage{Text: err.Error(), Back: v.back()}
	var e *api.Error
	if errors.As(err, &e) {
		p.Text, p.Hint, p.Faults, p.NotDone = e.Message, e.Hint, e.Faults, e.NotDone
	}
	p.Text = escape.Cut(p.Text, 1000)
	switch status {
	case http.StatusForbidden:
		p.Title = "Not allowed"
	case http.StatusNotFound:
		p.Title = "Not found"
	case http.StatusServiceUnavailable:
		p.Title = "Not now"
	default:
		p.Title = "The request failed"
	}
	if p.Head, err = v.head("", p.Title); err != nil {
		p.Head = head{Title: p.Title, Status: &status0}
	}
	if v.show(status, "problem", p) != nil {
		http.Error(v.w, p.Title, http.StatusInternalServerError)
	}
}

// status0 is the status of a rota that does not answer the query.
var status0 status

// back is the page that the visitor came from: the address in a form, without the base. An
// address of another site counts as none.
func (v *visit) back() string {
	to := ""
	if v.r.Method == http.MethodPost {
		to = v.r.PostFormValue("back")
	} else {
		to = v.r.URL.Query().Get("back")
	}
	u, err := url.Parse(to)
	if err != nil || to == "" || u.Scheme != "" || u.Host != "" || u.User != nil || len(u.Path) == 0 || u.Path[0] != '/' || len(u.Path) > 1 && (u.Path[1] == '/' || u.Path[1] == '\\') {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).RequestURI()
}
