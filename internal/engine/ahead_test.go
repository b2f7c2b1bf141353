package engine

import (
	"testing"
	"time"

	"rota/internal/api"
)

// moments around 12:01, when the task of these tests is due.
const (
	toAhead = time.Minute - 10*time.Millisecond
	toDue   = 10 * time.Millisecond
)

// TestAhead: what will simply start is recorded before its time, as a run that starts at
// its time. All else is decided at its time.
func TestAhead(t *testing.T) {
	for _, row := range []struct {
		name, keys string
		do         func(r *rig) // before
		want       string       // ten milliseconds before it is due
	}{
		{name: "a plain task", want: "12:01:00 running"},
		{name: "of two triggers at once", keys: "triggers = [{ cron = \"* * * * *\" }, { at = \"12:01\" }]", want: "12:01:00 running"},
		{name: "with every policy for overlaps", keys: "cron = \"* * * * *\"\noverlap = \"replace\"", want: "12:01:00 running"},
		{name: "in a queue", keys: "cron = \"* * * * *\"\nqueue = \"q\""},
		{name: "with a condition", keys: "cron = \"* * * * *\"\nonly_if = [\"true\"]"},

		{name: "held", do: func(r *rig) { _, _ = r.ada().Hold(r.ada().ctx, api.Holding{Tasks: []string{"t"}}) }},
		{name: "to be skipped", do: func(r *rig) { _, _ = r.ada().Skip(r.ada().ctx, "t") }},
		{name: "beside a run that is held", do: func(r *rig) { _, _ = r.ada().Request(r.ada().ctx, api.Request{Task: "t", Held: true}, nil) }, want: "12:00:00 held"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.keys == "" {
				row.keys = "cron = \"* * * * *\""
			}
			inBubble(t, noon, "[queues.q]\n[tasks.t]\nlog = \"x\"\n"+row.keys+"\n", func(r *rig) {
				if row.do != nil {
					row.do(r)
				}
				r.pass(toAhead)
				r.want("t", row.want)
				if row.want == "12:01:00 running" {
					r.pass(toDue)
					r.want("t", "12:01:00")
				}
			})
		})
	}
}

// TestAheadThen: what happens between the record of a slot and its time.
func TestAheadThen(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(r *rig)
		want string
	}{
		{"a kill, and a start before its time", func(r *rig) { r.restart(0); r.pass(time.Minute) }, "12:01:00 lost, 12:02:00"},
		{"a kill, and a start long after", func(r *rig) { r.restart(5 * time.Minute); r.pass(time.Minute) },
			"12:01:00 lost, 12:02:00-12:04:00×3 skipped, 12:05:00, 12:06:00, 12:07:00"},
		{"the engine does nothing for some minutes", func(r *rig) { r.fake.Advance(3 * time.Minute); r.pass(time.Minute) },
			"12:01:00, 12:02:00-12:02:00×1 skipped, 12:03:00, 12:04:00, 12:05:00"},
		{"a hold begins after the start", func(r *rig) {
			tasks, err := r.ada().Hold(r.ada().ctx, api.Holding{Tasks: []string{"t"}})
			if due := r.start.Add(time.Minute); err != nil || tasks[0].Hold.Since.Before(due) {
				r.t.Errorf("held as %+v, %v", tasks, err)
			}
			r.pass(2 * time.Minute)
		}, "12:01:00, 12:02:00-12:03:00×2 skipped"},
		{"a skip is of the slot after it", func(r *rig) {
			if slot, err := r.ada().Skip(r.ada().ctx, "t"); err != nil || !slot.At.Equal(r.start.Add(2*time.Minute)) {
				r.t.Errorf("skipped %+v, %v", slot, err)
			}
			r.pass(2 * time.Minute)
		}, "12:01:00, 12:02:00-12:02:00×1 skipped, 12:03:00"},
		{"it is stopped, and never begins", func(r *rig) {
			_, _ = r.ada().Stop(r.ada().ctx, "t", false)
			r.pass(time.Minute)
		}, "12:01:00 cancelled, 12:02:00"},
		{"the clock is set back", func(r *rig) { r.step(-time.Minute); r.pass(time.Minute) }, "12:01:00, 12:00:00~2, 12:01:00~2"},
		{"the file is read again", func(r *rig) {
			r.do(r.t.Context(), func() error { return r.plan(r.t.Context(), r.fake.Now()) })
			r.pass(time.Minute)
		}, "12:01:00, 12:02:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, noon, "[tasks.t]\nlog = \"x\"\ncron = \"* * * * *\"\noverlap = \"allow\"\n", func(r *rig) {
				r.pass(toAhead)
				row.do(r)
				r.pass(toDue)
				r.want("t", row.want)
			})
		})
	}
}
