package daemon

import (
	"testing"
	"time"

	"rota/internal/control"
	"rota/internal/ledger"
)

// Every run says whose rights it was made with, whatever it came of.
func TestRunsSayWhoseRightsTheyHave(t *testing.T) {
	jobs := "autostart = [\"open\"]\n[queues.shut]\n[queues.open]\n[tasks.t]\nqueue = \"shut\"\ncommand = \"true\"\nuser = \"nobody\"\ntriggers = [{ interval = \"1h\" }, { at_start = true }]\noverlap = \"allow\"\n" +
		"[tasks.a]\nlog = \"x\"\non_success = [\"run:t\"]\n"
	inBubble(t, "2026-11-21T12:00:00-05:00", jobs, func(r *rig) {
		ada := r.ada()
		ada.run(control.Request{Key: "now"})
		ada.run(control.Request{Key: "later", In: 3 * time.Hour})
		ada.run(control.Request{Key: "often", On: "interval 30m"})
		ada.run(control.Request{Key: "held", Held: true})
		ada.run(control.Request{Task: "a"})
		r.pass(time.Hour)
		runs, err := r.ledger.List(t.Context(), ledger.Filter{Task: "t"})
		if err != nil || len(runs) < 8 {
			t.Errorf("%d runs, %v", len(runs), err)
		}
		for _, run := range runs {
			if run.User != "nobody" && !run.Folded() {
				t.Errorf("%s was made with the rights of %q", run.ID, run.User)
			}
		}
		if runs, _ := r.ledger.List(t.Context(), ledger.Filter{Task: "a"}); len(runs) != 1 || runs[0].User != "" {
			t.Errorf("a: %+v", runs)
		}
	})
}
