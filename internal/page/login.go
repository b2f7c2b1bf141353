package page

import (
	"net/http"

	"rota/internal/api"
)

// loginPage asks for a token.
type loginPage struct {
	Head  head
	Error string
	Hint  string
	To    string
}

// login serves the sign-in page to a visitor who has signed in already.
func (v *visit) login() error {
	http.Redirect(v.w, v.r, v.url(), http.StatusSeeOther)
	return nil
}

// signIn asks an unknown visitor for a token.
func (v *visit) signIn() error {
	p := loginPage{Head: head{Title: "Sign in", Status: &status{Host: v.p.host}}, To: "/"}
	status := http.StatusUnauthorized
	switch {
	case v.Retry > 0:
		status = http.StatusTooManyRequests
	case v.Refused != nil && api.CodeOf(v.Refused) == api.Forbidden && v.r.Method == http.MethodGet:
		status = http.StatusForbidden
	}
	if e, ok := v.Refused.(*api.Error); ok {
		p.Error, p.Hint = e.Message, e.Hint
	} else if v.Refused != nil {
		p.Error = v.Refused.Error()
	}
	switch {
	case v.r.Method == http.MethodPost:
		p.To = v.r.PostFormValue("to")
	case v.r.URL.Path != "/login" && v.r.URL.Path != "/logout":
		p.To = v.r.URL.RequestURI()
	}
	return v.show(status, "login", p)
}
