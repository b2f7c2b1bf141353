package control

import (
	"net/http"
	"strings"

	"rota/internal/api"
)

// What is wrong with a token. Both are answered with 401.
var (
	errNoToken    = api.Errorf(api.Forbidden, "give a token: --token-file FILE", "no token")
	errWrongToken = api.Errorf(api.Forbidden, "", "the token is wrong, or its run has ended")
)

// tokenIn returns the token that a request carries, as Bearer or as the
// password of HTTP Basic.
func tokenIn(r *http.Request) (value string, given bool) {
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value), true
	}
	return "", scheme != ""
}

// runCaller returns the run whose token it is: it may do everything with its
// own task, but sees no run that was made with the rights of another user.
func runCaller(value string, tokenOf TokenOf) (api.Caller, bool) {
	run, ok := tokenOf(value)
	if !ok || value == "" || run.Task == "" {
		return api.Caller{}, false
	}
	return api.Caller{
		Who: "run " + run.ID, Account: "run of " + run.Task,
		Grants: []api.Grant{{
			May: api.MayControl, OfRun: true,
			Tasks: func(name string) bool { return name == run.Task },
			Run:   api.RunsAs(func(user string) bool { return user == run.User }),
		}},
		Credential: runCredential(run.ID),
	}, true
}

// runCredential stands for the token of a run under way.
func runCredential(id string) string { return "run " + id }
