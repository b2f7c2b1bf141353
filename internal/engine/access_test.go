package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/query"
	"rota/runner"
)

// seenBy returns the service as it answers a user who sees one task.
func (s *readerRig) seenBy(task, user string) api.Service {
	return control.Guard(fileless{&Service{Reader: s.Reader}}, api.Caller{Who: user, Grants: []api.Grant{{
		May: api.MayRead, Tasks: func(name string) bool { return name == task },
		Run: func(r api.Run) bool { return r.User == user },
	}}})
}

// The limit of slots in one answer applies to the slots that the caller sees.
func TestNextCountsWhatIsSeen(t *testing.T) {
	s := newReaderRig(t, "[tasks.t]\ninterval = \"1s\"\nlog = \"x\"\n[tasks.secret]\ninterval = \"1s\"\nlog = \"x\"\n")
	many := api.NextQuery{N: query.MaxSlots}
	if _, err := s.Next(t.Context(), many); api.CodeOf(err) != api.Usage {
		t.Fatalf("to who sees all: %v", err)
	}
	slots, err := s.seenBy("t", "ada").Next(t.Context(), many)
	if err != nil || len(slots) != query.MaxSlots {
		t.Errorf("to who sees one: %d slots, %v", len(slots), err)
	}
}

// The reason why a run waits does not name the runs of others.
func TestWhyNamesNoHiddenRun(t *testing.T) {
	s := newReaderRig(t, "[queues.q]\n[tasks.t]\nuser = \"ada\"\nqueue = \"q\"\ncron = \"0 * * * *\"\ncommand = \"true\"\n[tasks.secret]\nqueue = \"q\"\ncron = \"0 * * * *\"\nlog = \"x\"\n")
	mine := s.slot("q")
	mine.User = "ada"
	other := runner.Run{ID: runner.SlotID("secret", s.at, 1), Task: "secret", State: runner.Queued, Scheduled: s.at, Queued: s.at, Queue: "q"}
	s.advance(runner.Batch{Runs: []runner.Run{other, mine}, Claim: []string{other.ID}})
	for user, named := range map[string]bool{"": true, "ada": false} {
		reader := api.Reader(s)
		if user != "" {
			reader = s.seenBy("t", user)
		}
		why, err := reader.Why(t.Context(), "t", time.Time{})
		text := strings.Join(why.Text, " ")
		if err != nil || why.Run == nil || strings.Contains(text, "secret") != named || !named && strings.Contains(text, "another run runs") {
			t.Errorf("to %q: %q, %v", user, text, err)
		}
	}
}

// The newest run of a recurring request may have had the rights of another user.
func TestLogOfARecurringRequestOfAnotherUser(t *testing.T) {
	s := newReaderRig(t, "[tasks.t]\nuser = \"ada\"\ncommand = \"true\"\n")
	ctx := t.Context()
	asked := runner.Run{ID: "t/often", Task: "t", Cause: runner.CauseManual, State: runner.Recurring, On: "interval 1h", Scheduled: s.at, User: "ada"}
	old := s.slot("")
	old.Parent, old.User = asked.ID, "bob"
	if _, err := s.book.Submit(ctx, asked); err != nil {
		t.Fatal(err)
	}
	s.advance(runner.Batch{Runs: []runner.Run{old}})
	leases, err := s.book.Claim(ctx, []string{old.ID})
	if err != nil || len(leases) != 1 {
		t.Fatal(leases, err)
	}
	s.do(s.book.Finish(ctx, leases[0], runner.Result{Outcome: runner.OK, Finished: s.at}))
	if run, err := s.Ran(ctx, asked.ID); err != nil || run.ID != old.ID {
		t.Fatalf("to who sees all: %s, %v", run.ID, err)
	}
	if _, err := s.seenBy("t", "ada").Log(ctx, api.LogQuery{Run: asked.ID}); api.CodeOf(err) != api.NotFound || strings.Contains(err.Error(), "output") {
		t.Errorf("to ada: %v", err)
	}
}

// fileless is an engine as others ask it that has no file.
type fileless struct{ *Service }

func (fileless) Reload(context.Context, bool) (api.Reloaded, error) {
	return api.Reloaded{}, api.Errorf(api.NotFound, "", "there is no file")
}

// service is the engine as others ask it.
func (r *rig) service() api.Service { return fileless{r.Engine.Service()} }
