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
func (s *reading) Get(ctx context.Context, id string) (run runner.Run, steps []runner.Transition, err error) {
	at := slotOf(id)
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		r, err := lookup(conn, s.names, id, at, true, s.report)
		if err != nil {
			return err
		}
		if r == nil || r.run.ID != id && !r.covers(at) {
			return fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		run, steps = r.run, r.steps
		return nil
	})
	return run, steps, err
}

// List implements [Reader].
func (s *reading) List(ctx context.Context, f Filter) (runs []runner.Run, err error) {
	err = s.view(ctx, func(conn *sqlite.Conn) error {
		if f.Each > 0 && len(f.Tasks) > 0 {
			runs, err = s.lastOfEach(conn, f)
			return err
		}
		where, args, ok := s.where(f)
		if !ok {
			return nil
		}
		runs = slices.Grow(runs, min(f.Limit, 100))
		look := skim
		if f.Brief {
			look = glance
		}
		return look(conn, s.names, where+" ORDER BY n DESC", args, s.report, func(r *row) error {
			if !f.selects(r.run) {
				return nil // of those with the same key
			}
			runs = append(runs, r.run)
			if f.Limit > 0 && len(runs) == f.Limit {
				return errEnough
			}
			return nil
		})
	})
	return runs, err
}

// Both look up what they are of in indexes, task by task: nothing else is read.
const (
	lastOf   = "INDEXED BY runs_started WHERE task = ? AND started IS NOT NULL ORDER BY started DESC, n DESC"
	activeOf = "SELECT n FROM runs INDEXED BY runs_ended WHERE task IN TASKS AND state IS NULL AND count IS NULL AND finished >= ?" +
		" UNION ALL SELECT n FROM runs INDEXED BY runs_alive WHERE state IN ('running','queued') AND task IN TASKS" +
		" UNION ALL SELECT n FROM runs INDEXED BY runs_folded WHERE task IN TASKS AND count IS NOT NULL AND last >= ?"
)

// lastOfEach returns the last runs of each of some tasks, as far as the rest of the filter
// selects them. A statement for each task is faster than one for all, which looks up each
// row twice. It has no LIMIT: SQLite would compile it anew for each number bound to that.
func (s *reading) lastOfEach(conn *sqlite.Conn, f Filter) ([]runner.Run, error) {
	look := skim
	if f.Brief {
		look = glance
	}
	var rows []*row
	for _, name := range f.Tasks {
		id, ok := s.names.id(name)
		if !ok {
			continue
		}
		left := f.Each
		err := look(conn, s.names, lastOf, []cell{integer(id)}, s.report, func(r *row) error {
			if f.selects(r.run) {
				rows = append(rows, r)
			}
			if left--; left == 0 {
				return errEnough
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
func (s *reading) namesIn(names []string) (sql string, args []cell) {
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
func (s *reading) where(f Filter) (sql string, args []cell, ok bool) {
	var all []string
	add := func(sql string, cells ...cell) {
		all = append(all, sql)
		args = append(args, cells...)
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
		var cells []cell
		for _, id := range f.IDs {
			task, _ := runner.SplitID(id)
			if n, ok := s.names.id(task); ok {
				pairs = append(pairs, "(?,?)")
				cells = append(cells, integer(n), keyCell(id, slotOf(id)))
			}
		}
		if len(pairs) == 0 {
			return "", nil, false
		}
		add("(task, key) IN (VALUES "+strings.Join(pairs, ",")+")", cells...)
	}
	if f.Parent != "" {
		add("parent = ?", text(f.Parent))
	}
	if len(f.Tasks) > 0 {
		of, cells := s.namesIn(f.Tasks)
		if of == "" {
			return "", nil, false
		}
		if f.Active.IsZero() {
			add("task IN "+of, cells...)
		} else {
			add("n IN ("+strings.ReplaceAll(activeOf, "TASKS", of)+")", slices.Concat(cells, []cell{when(instant(f.Active))}, cells, cells, []cell{when(instant(f.Active))})...)
		}
	}
	if !f.Since.IsZero() {
		add("coalesce(last, started, scheduled, queued) >= ?", when(instant(f.Since)))
	}
	if !f.Before.IsZero() {
		add("state IS NULL AND finished < ?", when(f.Before))
	}
	var states, outcomes []cell
	for _, s := range f.States {
		states = append(states, text(stateWord(s)))
	}
	for _, o := range f.Outcomes {
		outcomes = append(outcomes, text(string(o)))
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
		sql = "INDEXED BY runs_alive " // which is short, whatever else is asked
	}
	if len(all) > 0 {
		sql += "WHERE " + strings.Join(all, " AND ")
	}
	return sql, args, true
}

// pastOf is read from the index alone, the newest first: a long history costs nothing.
const pastOf = "SELECT finished, outcome FROM runs INDEXED BY runs_ended WHERE task = ? AND state IS NULL AND count IS NULL ORDER BY finished DESC, n DESC"

// Past implements [Reader].
func (s *reading) Past(ctx context.Context, tasks ...string) (map[string]Past, error) {
	if len(tasks) == 0 {
		tasks = s.names.all()
	}
	all := make(map[string]Past, len(tasks))
	err := s.view(ctx, func(conn *sqlite.Conn) error {
		var cells [2]cell
		for _, task := range tasks {
			id, ok := s.names.id(task)
			if !ok {
				continue
			}
			var p Past
			ended := false
			err := query(conn, pastOf, []cell{integer(id)}, func(stmt *sqlite.Stmt) error {
				ended = true
				read(stmt, cells[:])
				switch runner.Outcome(cells[1].text) {
				case runner.OK:
					p.Success = cells[0].time()
					return errEnough
				case runner.Failed, runner.TimedOut, runner.Lost:
					p.Failures++
				}
				return nil
			})
			if err != nil && err != errEnough {
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
