package engine

import (
	"context"
	"maps"
	"slices"

	"rota/config"
	"rota/internal/api"
)

// StartQueues implements [api.Service].
func (s *Service) StartQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return s.switchQueues(ctx, patterns, false)
}

// StopQueues implements [api.Service].
func (s *Service) StopQueues(ctx context.Context, patterns ...string) (api.Queues, error) {
	return s.switchQueues(ctx, patterns, true)
}

func (s *Service) switchQueues(ctx context.Context, patterns []string, stop bool) (api.Queues, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	err := s.eng.doWithoutCancel(ctx, func(ctx context.Context) error {
		names, _ := config.MatchQueues(patterns, slices.Sorted(maps.Keys(s.eng.cfg.Queues)))
		return s.eng.switchQueues(ctx, names, api.Who(ctx), stop)
	})
	if err != nil {
		return api.Queues{}, err
	}
	return s.Queues(ctx, patterns...)
}

// Queues implements [api.Service]. It adds to the answer of the reader which queues are
// stopped.
func (s *Service) Queues(ctx context.Context, patterns ...string) (api.Queues, error) {
	q, err := s.Reader.Queues(ctx, patterns...)
	if err != nil {
		return q, err
	}
	return q, s.eng.read(ctx, func() error {
		for i := range q.Queues {
			q.Queues[i].State = "started"
			if s.eng.stoppedQueues[q.Queues[i].Queue] {
				q.Queues[i].State = "stopped"
			}
		}
		return nil
	})
}
