package query

import (
	"rota/internal/api"
	"rota/internal/ledger"
)

// holdOf returns a hold as a value of the API.
func holdOf(h *ledger.Hold) *api.Hold {
	if h == nil {
		return nil
	}
	return new(api.Hold(*h))
}

// startedOf returns the start of a queue as a value of the API.
func startedOf(s *ledger.Started) *api.Started {
	if s == nil {
		return nil
	}
	return new(api.Started(*s))
}
