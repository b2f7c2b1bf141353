package ledger

import (
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
)

// TestQueryPlans: what pages ask about all tasks is looked up in indexes, task by task,
// and nothing is sorted: a long history costs nothing.
func TestQueryPlans(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.names.set(1, "a")
	active, activeArgs, _ := s.where(Filter{Tasks: []string{"a"}, Active: time.Unix(1, 0)})
	missed, missedArgs, _ := s.where(Filter{Summaries: true, Since: time.Unix(1, 0)})
	for _, row := range []struct {
		name, sql string
		args      []value
		want      []string
	}{
		{"the past of a task", endedOfTask, []value{integer(1)}, []string{"SEARCH runs USING COVERING INDEX runs_ended (task=?)"}},
		{"the last runs of a task", selectRuns + lastRunsOfTask, []value{integer(1)}, []string{"USING INDEX runs_started (task=? AND started>?)"}},
		{"what was under way since", "SELECT n FROM runs " + active + " ORDER BY n DESC", activeArgs, []string{"USING COVERING INDEX runs_ended (task=? AND finished>?)", "USING COVERING INDEX runs_alive (state=? AND task=?)", "USING INDEX runs_folded (task=?)"}},
		{"what was skipped since", "SELECT n FROM runs " + missed, missedArgs, []string{"USING INDEX runs_folded"}},
	} {
		var plan strings.Builder
		onWriter(t, s, func(conn *sqlite.Conn) error {
			return query(conn, "EXPLAIN QUERY PLAN "+row.sql, row.args, func(stmt *sqlite.Stmt) error {
				plan.WriteString(stmt.ColumnText(3) + "\n")
				return nil
			})
		})
		for _, want := range row.want {
			if !strings.Contains(plan.String(), want) {
				t.Errorf("%s: no %q in the plan:\n%s", row.name, want, &plan)
			}
		}
		if row.args[0] == integer(1) && strings.Contains(plan.String(), "TEMP B-TREE") {
			t.Errorf("%s is sorted:\n%s", row.name, &plan)
		}
	}
}
