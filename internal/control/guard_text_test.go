package control

import (
	"testing"

	"rota/internal/api"
)

// A task that runs after others shows their names only to callers who may see them.
func TestHiddenTasksBefore(t *testing.T) {
	g := newGuard(nil, api.Caller{Who: "ada", Grants: []api.Grant{{May: api.MayRead, Tasks: func(task string) bool { return task != "secret" }}}})
	hidden := g.hiddenOf([]api.Awaited{{Task: "mail"}, {Task: "secret"}})
	for text, want := range map[string]string{
		"after mail and secret":              "after mail and another task",
		"not yet: secret.":                   "not yet: another task.",
		`["mail", "secret"]`:                 `["mail", "another task"]`,
		"It runs after secretary and mail":   "It runs after secretary and mail",
		"after secret/20261122T023000Z fell": "after secret/20261122T023000Z fell", // of runs, see text
	} {
		if got := hidden.in(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
