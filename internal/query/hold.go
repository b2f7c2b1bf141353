package query

import (
	"rota/internal/api"
	"rota/internal/ledger"
)

// holdOf is a hold for others.
func holdOf(h *ledger.Hold) *api.Hold {
	if h == nil {
		return nil
	}
	return new(api.Hold(*h))
}

// startedOf is who started a queue, for others.
func startedOf(s *ledger.Started) *api.Started {
	if s == nil {
		return nil
	}
	return new(api.Started(*s))
}
