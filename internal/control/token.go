package control

import (
	"net/http"
	"strings"

	"rota/internal/api"
)

// The errors of tokens. The status of both is 401.
var (
	errNoToken    = api.Errorf(api.Forbidden, "give a token: --token-file FILE", "no token")
	errWrongToken = api.Errorf(api.Forbidden, "", "the token is wrong, or its run has ended")
)

// tokenIn returns the token of a request, as Bearer or as the
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

// runCaller returns the run with the token as a caller: it may do everything with its
// own task, but sees no run of the task as another user.
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

// runCredential returns the credential of the token of a run.
func runCredential(id string) string { return "run " + id }
