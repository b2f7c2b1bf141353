package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// Get implements [Reader].
func (s *reader) Get(ctx context.Context, id string) (run runner.Run, steps []runner.Transition, err error) {
	at := slotOf(id)
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		r, err := lookup(conn, s.names, id, at, true, s.onDamaged)
		if err != nil {
			return err
		}
		if r == nil || r.run.ID != id && !r.covers(at) {
			return fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		run, steps = r.run, r.transitions
		return nil
	})
	return run, steps, err
}

// List implements [Reader].
func (s *reader) List(ctx context.Context, f Filter) (runs []runner.Run, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		if f.Each > 0 && len(f.Tasks) > 0 {
			runs, err = s.lastRunsOfEach(conn, f)
			return err
		}
		where, args, ok := s.where(f)
		if !ok {
			return nil
		}
		runs = slices.Grow(runs, min(f.Limit, 100))
		return f.scan()(conn, s.names, where+" ORDER BY n DESC", args, s.onDamaged, func(r *row) error {
			if !f.selects(r.run) {
				return nil // of those with the same key
			}
			runs = append(runs, r.run)
			if f.Limit > 0 && len(runs) == f.Limit {
				return errStop
			}
			return nil
		})
	})
	return runs, err
}

// scan returns the function that reads what the filter asks for of each row.
func (f Filter) scan() func(*sqlite.Conn, *names, string, []value, func(*record) error, func(*row) error) error {
	if f.Brief {
		return scanBrief
	}
	return scanRuns
}

// Both use indexes task by task: nothing else is read.
const (
	lastRunsOfTask = "INDEXED BY runs_started WHERE task = ? AND started IS NOT NULL ORDER BY started DESC, n DESC"
	activeOfTasks  = "SELECT n FROM runs INDEXED BY runs_ended WHERE task IN TASKS AND state IS NULL AND count IS NULL AND finished >= ?" +
		" UNION ALL SELECT n FROM runs INDEXED BY runs_alive WHERE state IN ('running','queued') AND task IN TASKS" +
		" UNION ALL SELECT n FROM runs INDEXED BY runs_folded WHERE task IN TASKS AND count IS NOT NULL AND last >= ?"
)

// lastRunsOfEach returns the last runs of each of some tasks, as far as the rest of the filter
// selects them. A statement for each task is faster than one for all, which looks up each
// row twice. It has no LIMIT: SQLite would compile it again for each number bound to that.
func (s *reader) lastRunsOfEach(conn *sqlite.Conn, f Filter) ([]runner.Run, error) {
	scan := f.scan()
	var rows []*row
	for _, name := range f.Tasks {
		id, ok := s.names.id(name)
		if !ok {
			continue
		}
		left := f.Each
		err := scan(conn, s.names, lastRunsOfTask, []value{integer(id)}, s.onDamaged, func(r *row) error {
			if f.selects(r.run) {
				rows = append(rows, r)
			}
			if left--; left == 0 {
				return errStop
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(b.number, a.number) })
	if f.Limit > 0 {
		rows = rows[:min(len(rows), f.Limit)]
	}
	runs := make([]runner.Run, len(rows))
	for i, r := range rows {
		runs[i] = r.run
	}
	return runs, nil
}

// namesIn is a list of names in SQL; "" if there are none of those.
func (s *reader) namesIn(names []string) (sql string, args []value) {
	for _, name := range names {
		if id, ok := s.names.id(name); ok {
			args = append(args, integer(id))
		}
	}
	if args == nil {
		return "", nil
	}
	return "(?" + strings.Repeat(",?", len(args)-1) + ")", args
}

// where is the filter in SQL; false: there can be none.
func (s *reader) where(f Filter) (sql string, args []value, ok bool) {
	var all []string
	add := func(sql string, values ...value) {
		all = append(all, sql)
		args = append(args, values...)
	}
	if f.Task != "" {
		id, ok := s.names.id(f.Task)
		if !ok {
			return "", nil, false
		}
		add("task = ?", integer(id))
	}
	if len(f.IDs) > 0 {
		var pairs []string
		var values []value
		for _, id := range f.IDs {
			task, _ := runner.SplitID(id)
			if n, ok := s.names.id(task); ok {
				pairs = append(pairs, "(?,?)")
				values = append(values, integer(n), keyValue(id, slotOf(id)))
			}
		}
		if len(pairs) == 0 {
			return "", nil, false
		}
		add("(task, key) IN (VALUES "+strings.Join(pairs, ",")+")", values...)
	}
	if f.Parent != "" {
		add("parent = ?", textOrNull(f.Parent))
	}
	if len(f.Tasks) > 0 {
		of, values := s.namesIn(f.Tasks)
		if of == "" {
			return "", nil, false
		}
		if f.Active.IsZero() {
			add("task IN "+of, values...)
		} else {
			add("n IN ("+strings.ReplaceAll(activeOfTasks, "TASKS", of)+")", slices.Concat(values, []value{timeOrNull(normalizeTime(f.Active))}, values, values, []value{timeOrNull(normalizeTime(f.Active))})...)
		}
	}
	if !f.Since.IsZero() {
		add("coalesce(last, started, scheduled, queued) >= ?", timeOrNull(normalizeTime(f.Since)))
	}
	if !f.Before.IsZero() {
		add("state IS NULL AND finished < ?", timeOrNull(f.Before))
	}
	var states, outcomes []value
	for _, s := range f.States {
		states = append(states, textOrNull(storedState(s)))
	}
	for _, o := range f.Outcomes {
		outcomes = append(outcomes, textOrNull(string(o)))
	}
	alive, ended := "state IN (?"+strings.Repeat(",?", max(0, len(states)-1))+")", "outcome IN (?"+strings.Repeat(",?", max(0, len(outcomes)-1))+")"
	switch {
	case len(states) > 0 && len(outcomes) > 0:
		add("("+alive+" OR "+ended+")", append(states, outcomes...)...)
	case len(states) > 0:
		add(alive, states...)
	case len(outcomes) > 0:
		add(ended, outcomes...)
	}
	if f.Summaries {
		sql = "INDEXED BY runs_folded "
		add("count IS NOT NULL")
	} else if len(states) > 0 && len(outcomes) == 0 {
		sql = "INDEXED BY runs_alive " // which is short, whatever else is selected
	}
	if len(all) > 0 {
		sql += "WHERE " + strings.Join(all, " AND ")
	}
	return sql, args, true
}

// endedOfTask is read from the index alone, the newest first: a long history costs nothing.
const endedOfTask = "SELECT finished, outcome FROM runs INDEXED BY runs_ended WHERE task = ? AND state IS NULL AND count IS NULL ORDER BY finished DESC, n DESC"

// Past implements [Reader].
func (s *reader) Past(ctx context.Context, tasks ...string) (map[string]Past, error) {
	if len(tasks) == 0 {
		tasks = s.names.all()
	}
	all := make(map[string]Past, len(tasks))
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		var values [2]value
		for _, task := range tasks {
			id, ok := s.names.id(task)
			if !ok {
				continue
			}
			var p Past
			ended := false
			err := query(conn, endedOfTask, []value{integer(id)}, func(stmt *sqlite.Stmt) error {
				ended = true
				read(stmt, values[:])
				switch runner.Outcome(values[1].text) {
				case runner.OK:
					p.Success = values[0].time()
					return errStop
				case runner.Failed, runner.TimedOut, runner.Lost:
					p.Failures++
				}
				return nil
			})
			if err != nil && err != errStop {
				return err
			}
			if ended {
				all[task] = p
			}
		}
		return nil
	})
	return all, err
}
