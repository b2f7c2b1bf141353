package engine

import (
	"context"
	"slices"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
)

// Drain implements [api.Service].
func (s *Service) Drain(ctx context.Context, d time.Duration) (api.Drained, error) {
	if err := api.CheckSpan("the drain", d); err != nil {
		return api.Drained{}, err
	}
	eng := s.eng
	drained := api.Drained{Forked: []string{}}
	idle := make(chan error, 1)
	err := eng.doBetweenStarts(ctx, func(ctx context.Context) error {
		now := eng.clock.Now()
		eng.view.Draining = true
		eng.drainEnds = time.Time{}
		eng.agenda.Drop(undrainKey)
		if d > 0 {
			drained.Until = now.Add(d)
			eng.drainEnds = drained.Until
			eng.putMoment(undrainKey, drained.Until)
		}
		text := ""
		if d > 0 {
			text = "until " + eng.formatTime(drained.Until)
		}
		eng.event(ctx, ledger.Event{Time: now, Kind: "drain", Who: api.Who(ctx), Text: text, Data: ledger.EventData{Until: drained.Until}})
		eng.log.Warn("draining: no new runs start", "by", api.Who(ctx))
		eng.waiters.idle = append(eng.waiters.idle, idle)
		eng.waiters.notifyIdle(eng)
		return nil
	})
	if err != nil {
		return drained, err
	}
	defer eng.post(func() {
		eng.waiters.idle = slices.DeleteFunc(eng.waiters.idle, func(ch chan error) bool { return ch == idle })
	})
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case err := <-idle:
		if err != nil {
			return drained, err
		}
	case <-over:
	case <-ctx.Done():
		return drained, ctx.Err()
	case <-eng.closed:
	}
	return drained, eng.do(ctx, func() error {
		eng.fillDrained(&drained)
		return nil
	})
}

// fillDrained sets the forked runs under way and the number of waiting runs.
func (eng *Engine) fillDrained(d *api.Drained) {
	for _, run := range eng.view.Live("") {
		d.Forked = append(d.Forked, run.ID)
	}
	d.Waiting = len(eng.view.Waiting(""))
}

// EndDrain implements [api.Service].
func (s *Service) EndDrain(ctx context.Context) (api.Drained, error) {
	eng := s.eng
	drained := api.Drained{Forked: []string{}}
	return drained, eng.doWithoutCancel(ctx, func(ctx context.Context) error {
		if !eng.view.Draining {
			return api.Errorf(api.Conflict, "", "rota is not draining")
		}
		eng.fillDrained(&drained)
		eng.endDrain(ctx, api.Who(ctx))
		eng.waiters.failIdle(api.Who(ctx))
		return nil
	})
}

// endDrain lets runs start again, on request of who; "": as the time of the drain is over.
func (eng *Engine) endDrain(ctx context.Context, who string) {
	eng.agenda.Drop(undrainKey)
	eng.view.Draining, eng.drainEnds = false, time.Time{}
	eng.event(ctx, ledger.Event{Time: eng.clock.Now(), Kind: "drain end", Who: who})
	eng.log.Info("the drain has ended: runs start again")
}
