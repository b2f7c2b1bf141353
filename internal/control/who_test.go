package control_test

import (
	"context"
	"path/filepath"
	"testing"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/runner"
)

// seen is a service that records the caller of a hold.
type seen struct {
	*controltest.Fake
	account          string
	bounded, binding bool
}

func (s *seen) Hold(ctx context.Context, h api.Holding) ([]api.Task, error) {
	s.account, s.bounded = api.Bounded(ctx)
	s.binding = api.Binds(ctx, h.Tasks[0])
	return nil, nil
}

// Whose holds bind the user of the task, and which caller their requests are counted for.
func TestWhoBinds(t *testing.T) {
	s := &seen{Fake: controltest.NewFake("mail")}
	h := &house{fake: s.Fake, server: control.NewServer(control.Options{
		Service: s, TokenOf: func(token string) (runner.Run, bool) {
			return runner.Run{ID: "mail/1", Task: "mail"}, token == runToken
		},
	}), socket: filepath.Join(t.TempDir(), "rota.sock")}
	socket, err := control.OpenSocket(h.socket, "")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, roots := controltest.Certificate(t)
	web, err := control.OpenWeb(control.Web{
		Listen: "127.0.0.1:0", TLS: pair(t, cert, key),
		Tokens: []control.Token{
			{Name: "ops", Value: controlToken, May: api.MayControl},
			{Name: "mailer", Value: requestToken, May: api.MayControl, Tasks: []string{"mail"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.url = web.Addr()
	h.serve(t, socket)
	h.serve(t, web)
	at := func(token string) api.Service {
		return client(t, control.Target{URL: h.url, Token: token, RootCAs: roots})
	}
	own := api.Grant{May: api.MayOwn, Tasks: tokenCaller("mail")}
	for _, test := range []struct {
		name             string
		service          api.Service
		account          string
		bounded, binding bool
	}{
		{"rota's own user", client(t, control.Target{Socket: h.socket}), "", false, true},
		{"a token over all", at(controlToken), "", false, true},
		{"a token over the task", at(requestToken), "token mailer", true, true},
		{"a run of it", at(runToken), "run of mail", true, false},
		{"its owner", control.Guard(s, api.Caller{Who: "nobody", Grants: []api.Grant{own}}), "nobody", true, false},
		{"nobody that came in", s, "", false, true},
	} {
		if _, err := test.service.Hold(t.Context(), api.Holding{Tasks: []string{"mail"}}); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if s.account != test.account || s.bounded != test.bounded || s.binding != test.binding {
			t.Errorf("%s: counted to %q (%v), binds %v", test.name, s.account, s.bounded, s.binding)
		}
	}
}
