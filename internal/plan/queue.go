package plan

import (
	"rota/config"
	"rota/internal/ledger"
)

// StartsRuns reports whether a queue starts runs when a daemon starts: the last request to
// start or stop the queue counts or, without one, autostart.
func StartsRuns(c *config.Config, queue string, state ledger.TaskState) bool {
	if state.Hold != nil || state.Started != nil {
		return state.Hold == nil
	}
	auto, _ := config.MatchQueues(c.Rota.Autostart, []string{queue})
	return len(auto) > 0
}
