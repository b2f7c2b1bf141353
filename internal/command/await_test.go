package command

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
)

// flaky is a daemon that answers to Wait with an error each time, and then with a run.
type flaky struct {
	api.Service
	errs []error
}

func (f *flaky) Wait(ctx context.Context, id string) (api.Run, error) {
	if len(f.errs) == 0 {
		return api.Run{ID: id, Outcome: "ok"}, nil
	}
	err := f.errs[0]
	if len(f.errs) > 1 {
		f.errs = f.errs[1:]
	} else if api.CodeOf(err) != api.NoDaemon { // one that is not there stays away
		f.errs = nil
	}
	return api.Run{}, err
}

// A client that waits for a run continues to wait when the daemon is restarted, and gives
// up when the daemon stays away or returns another error.
func TestReturning(t *testing.T) {
	stopping := api.Errorf(api.NotNow, "", "rota is stopping")
	none := api.Errorf(api.NoDaemon, "", "no daemon")
	for name, c := range map[string]struct {
		errs []error
		want api.Code
		gone int
	}{
		"there":        {nil, "", 0},
		"restarted":    {[]error{stopping}, "", 1},
		"came late":    {[]error{none, none, none, stopping}, "", 1},
		"stays away":   {[]error{none}, api.NoDaemon, 1},
		"is forgotten": {[]error{stopping, api.Errorf(api.NotFound, "", "no run")}, api.NotFound, 1},
		"forbidden":    {[]error{api.Errorf(api.Forbidden, "", "no")}, api.Forbidden, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone := 0
				r := reconnecting{&flaky{errs: c.errs}, func() { gone++ }}
				_, err := r.Wait(t.Context(), "a/x")
				if api.CodeOf(err) != c.want || gone != c.gone {
					t.Errorf("%v, %d notices that it went away; want %q and %d", err, gone, c.want, c.gone)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
		defer end()
		began := time.Now()
		if _, err := (reconnecting{&flaky{errs: []error{none}}, func() {}}).Wait(ctx, "a/x"); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("interrupted: %v after %v", err, time.Since(began))
		}
	})
}
