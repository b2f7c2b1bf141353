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
	l := s.l
	drained := api.Drained{Forked: []string{}}
	idle := make(chan error, 1)
	err := l.act(ctx, func(ctx context.Context) error {
		now := l.clock.Now()
		l.view.Draining = true
		l.drained = time.Time{}
		l.agenda.Drop(undrainKey)
		if d > 0 {
			drained.Until = now.Add(d)
			l.drained = drained.Until
			l.put(undrainKey, drained.Until)
		}
		text := ""
		if d > 0 {
			text = "until " + l.formatTime(drained.Until)
		}
		l.event(ctx, ledger.Event{Time: now, Kind: "drain", Who: api.Who(ctx), Text: text, Data: ledger.EventData{Until: drained.Until}})
		l.log.Warn("draining: nothing new starts", "by", api.Who(ctx))
		l.calls.idle = append(l.calls.idle, idle)
		l.calls.drained(l)
		return nil
	})
	if err != nil {
		return drained, err
	}
	defer l.post(func() {
		l.calls.idle = slices.DeleteFunc(l.calls.idle, func(ch chan error) bool { return ch == idle })
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
	case <-l.over:
	}
	return drained, l.ask(ctx, func() error {
		l.left(&drained)
		return nil
	})
}

// left tells what is under way and what waits.
func (eng *Engine) left(d *api.Drained) {
	for _, run := range eng.view.Live("") {
		d.Forked = append(d.Forked, run.ID)
	}
	d.Waiting = len(eng.view.Waiting(""))
}

// EndDrain implements [api.Service].
func (s *Service) EndDrain(ctx context.Context) (api.Drained, error) {
	l := s.l
	drained := api.Drained{Forked: []string{}}
	return drained, l.act(ctx, func(ctx context.Context) error {
		if !l.view.Draining {
			return api.Errorf(api.Conflict, "", "rota is not being drained")
		}
		l.left(&drained)
		l.undrain(ctx, api.Who(ctx))
		l.calls.undrained(api.Who(ctx))
		return nil
	})
}

// undrain lets things start again, as somebody asked for, or for "" because its time
// is over.
func (eng *Engine) undrain(ctx context.Context, who string) {
	eng.agenda.Drop(undrainKey)
	eng.view.Draining, eng.drained = false, time.Time{}
	eng.event(ctx, ledger.Event{Time: eng.clock.Now(), Kind: "drain end", Who: who})
	eng.log.Info("the drain is over: things start again")
}
