package ledger

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// far is a time that JSON cannot hold.
var far = time.Date(10000, 1, 1, 4, 30, 0, 0, time.UTC)

// TestRowsOutOfRange: a row with a time that JSON cannot hold, which an earlier
// version took in, is missing in every answer, reported once, and takes no other with it.
func TestRowsOutOfRange(t *testing.T) {
	dir := Directory(t)
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	good := runner.Run{ID: "a/good", Task: "a", Cause: runner.CauseManual, State: runner.Queued, Queued: time.Now()}
	if _, err := s.Submit(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	bad := []row{
		{number: 10, run: runner.Run{ID: "a/delayed", Task: "a", Cause: runner.CauseManual, State: runner.Delayed, NotBefore: far, Scheduled: far}},
		{number: 11, run: runner.Run{ID: "a/ended", Task: "a", Cause: runner.CauseManual, Outcome: runner.OK, Started: time.Now(), Finished: far}},
		{number: 12, run: runner.Run{ID: "a/steps", Task: "a", Cause: runner.CauseManual, State: runner.Held}, transitions: []runner.Transition{{State: runner.Held, Until: far}}},
	}
	onWriter(t, s, func(conn *sqlite.Conn) error {
		for i := range bad {
			rec, err := pack(&bad[i], func(string) (int64, error) { return 1, nil })
			if err == nil {
				err = query(conn, insertRun, rec[:], nil)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 { // while it runs, and of the next daemon
		ctx := t.Context()
		for what, list := range map[string]func() (any, error){
			"all": func() (any, error) { return s.List(ctx, Filter{}) },
			"waiting": func() (any, error) {
				return s.List(ctx, Filter{States: []runner.State{runner.Queued, runner.Delayed, runner.Held}})
			},
			"newest": func() (any, error) { return s.Newest(ctx) },
		} {
			found, err := list()
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := json.Marshal(found); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, r := range bad {
			if run, _, err := s.Get(ctx, r.run.ID); err == nil {
				t.Errorf("%s is there: %+v", r.run.ID, run)
			}
		}
		if run, _, err := s.Get(ctx, "a/good"); err != nil || run.State != runner.Queued {
			t.Errorf("the good one: %+v, %v", run, err)
		}
		if s.Close() != nil {
			t.Fatal("close")
		}
		if s, err = Open(context.Background(), dir, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	defer s.Close()
	events, err := s.Events(t.Context(), EventFilter{Kinds: []string{"damage"}})
	if err != nil || len(events) != len(bad) {
		t.Errorf("%d events of %d rows: %+v, %v", len(events), len(bad), events, err)
	}
}

// TestTimesOutOfRange: times that JSON cannot hold are refused.
func TestTimesOutOfRange(t *testing.T) {
	s, err := Open(t.Context(), Directory(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, book := range map[string]Ledger{"SQLite": s, "Memory": NewMemory(Options{})} {
		ctx := t.Context()
		run := runner.Run{ID: "a/x", Task: "a", Cause: runner.CauseManual, State: runner.Delayed, NotBefore: far}
		if _, err := book.Commit(ctx, Change{Requests: []runner.Run{run}}); err == nil {
			t.Errorf("%s: took in a run of the year 10000", name)
		}
		run.NotBefore = time.Now()
		if _, err := book.Commit(ctx, Change{Requests: []runner.Run{run}}); err != nil {
			t.Error(err)
		}
		move := Move{ID: run.ID, From: runner.Delayed, To: runner.Transition{State: runner.Delayed, Until: far}}
		if _, err := book.Commit(ctx, Change{Moves: []Move{move}}); err == nil {
			t.Errorf("%s: moved a run to the year 10000", name)
		}
		if now, _, err := book.Get(ctx, run.ID); err != nil || now.NotBefore.Year() > 9999 {
			t.Errorf("%s: %+v, %v", name, now, err)
		}
	}
}
