package runner

import (
	"strings"
	"testing"
)

// The condition of a task is evaluated with the rights and in the environment of the
// task, whatever its action and mode.
func TestConditionOfUser(t *testing.T) {
	eachForkMode(t, func(t *testing.T, mode Mode) {
		a := newArena(t)
		for name, action := range map[string]Action{"command": &Command{Text: "true"}, "log": &Log{Message: "x"}} {
			task := a.task(mode, "true")
			task.Action, task.OnlyIf = action, &Command{Text: `echo "$(id -u) $(pwd) $ROTA_RUN $WHAT"; exit 5`}
			task.Dir, task.Env = a.open, map[string]string{"WHAT": "here"}
			said := make(chan ConditionResult, 1)
			a.CheckCondition(t.Context(), Launch{Run: Run{ID: "t/k", Task: "t"}, Task: task}, true, func(x ConditionResult) { said <- x })
			x := <-said
			if want := "65534 " + a.open + " t/k here"; x.Outcome != Skipped || x.Reason.Next != 5 || !strings.HasPrefix(x.Reason.Detail, want) {
				t.Errorf("%s: %+v, want %s", name, x, want)
			}
		}
	})
}
