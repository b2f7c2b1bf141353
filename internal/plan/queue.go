package plan

import (
	"rota/config"
	"rota/internal/ledger"
)

// StartsRuns reports whether a queue starts runs when a daemon begins: what
// somebody last did to it by hand counts, and before that autostart.
func StartsRuns(c *config.Config, queue string, state ledger.TaskState) bool {
	if state.Hold != nil || state.Started != nil {
		return state.Hold == nil
	}
	auto, _ := config.MatchQueues(c.Rota.Autostart, []string{queue})
	return len(auto) > 0
}
