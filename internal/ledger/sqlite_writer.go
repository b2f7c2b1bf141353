package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// request is a change that someone waits for.
type request struct {
	do    func(*op) error
	apart func(*writer) // instead of do: outside of any transaction
	err   error
	done  chan struct{}
}

// write has the writer call f, and returns once what f did is on the disk. F
// may be called several times. If it returns an error of its own it has written
// nothing to the database; what it did to rows and leases is taken back.
func (s *SQLite) write(ctx context.Context, f func(*op) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.send(&request{do: f, done: make(chan struct{})})
}

// send has the writer do what is asked, and returns once it has.
func (s *SQLite) send(r *request) error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return ErrClosed
	}
	s.work <- r
	s.mu.RUnlock()
	<-r.done
	return r.err
}

// writer is the one goroutine that writes. What it holds is its own.
type writer struct {
	s          *SQLite
	conn       *sqlite.Conn
	cursor     Cursor
	last       int64             // the number of the newest row
	lastName   int64             // the number of the newest name
	lastNotice int64             // the number of the newest notice
	waiting    map[string]int    // how many runs are queued, by queue
	tokens     map[string]string // of leases, by id
	summarized map[int64]bool    // whether a task may have summary rows, by its number; where that is known
	written    int               // rows since the last checkpoint
	log        logSize
	files      [3]os.FileInfo // of the database and what belongs to it, as they were at their paths
}

const (
	groupSize       = 512  // changes in one commit, at most
	checkpointAfter = 1000 // rows
	checkpointLow   = 20   // rows, on a full disk: the log takes several times what is in it
)

// run does what is asked until the ledger is closed.
func (w *writer) run() {
	defer close(w.s.stopped)
	for first := range w.s.work {
		group, apart := make([]*request, 0, 16), []*request(nil)
		take := func(r *request) {
			if r.apart != nil {
				apart = append(apart, r)
			} else {
				group = append(group, r)
			}
		}
		take(first)
	gather:
		for len(group) < groupSize {
			select {
			case r, ok := <-w.s.work:
				if !ok {
					break gather
				}
				take(r)
			default:
				break gather
			}
		}
		if len(group) > 0 {
			w.commit(group)
		}
		for _, r := range apart {
			r.apart(w)
			close(r.done)
		}
		if w.written > checkpointAfter || w.log.grown() || w.written > checkpointLow && w.s.DiskLow() {
			if w.mendIndex() == nil {
				w.checkpoint()
			}
		}
		if w.s.DiskLow() {
			w.recover()
		}
	}
	_ = w.mendIndex()
	_ = w.conn.Close() // what was answered is written
	w.s.mark.close()
}

// commit does the requests in one transaction, or, if the database fails in
// that, each in its own, so that one that cannot be does not harm the others;
// and answers them.
func (w *writer) commit(group []*request) {
	err := w.transact(group)
	if errors.Is(err, ErrDiskFull) && w.s.reserve.giveUp(time.Now()) {
		w.tell("the disk is full: the room kept in reserve is given up, and output should not be written any more")
		err = w.transact(group)
	}
	if err != nil && len(group) > 1 {
		for _, r := range group {
			w.commit([]*request{r})
		}
		return
	}
	for _, r := range group {
		if err != nil {
			r.err = w.s.suspect(err)
		}
		close(r.done)
	}
}

// recover takes the room in reserve again, if the disk has some.
func (w *writer) recover() {
	if w.s.reserve.take(time.Now()); !w.s.DiskLow() {
		w.tell("the disk has room again")
	}
}

// tell adds an event of the writer's own.
func (w *writer) tell(text string) {
	r := &request{done: make(chan struct{}), do: func(o *op) error { return o.event(Event{Kind: "disk", Text: text}) }}
	_ = w.transact([]*request{r}) // best effort: DiskLow says it too
}

// transact does the requests in one transaction. An error is one of the
// database: then nothing happened.
func (w *writer) transact(group []*request) (err error) {
	if err := errors.Join(w.inPlace(), w.mendIndex()); err != nil {
		return err
	}
	if err := query(w.conn, "BEGIN IMMEDIATE", nil, nil); err != nil {
		return err
	}
	var undo, after []func()
	defer func() {
		if err == nil {
			for _, f := range after {
				f()
			}
			return
		}
		for _, f := range slices.Backward(undo) {
			f()
		}
		if !w.conn.AutocommitEnabled() {
			_ = query(w.conn, "ROLLBACK", nil, nil)
		}
	}()
	for _, r := range group {
		o := newOp(w)
		r.err = r.do(o)
		if r.err == nil {
			r.err = o.flush()
		}
		undo, after = append(undo, o.undo...), append(after, o.after...)
		var failed *storeError
		if errors.As(r.err, &failed) {
			return r.err
		}
		if r.err != nil { // refused: nothing of it is in the database but what was found damaged
			for _, f := range slices.Backward(o.undo) {
				f()
			}
			undo = undo[:len(undo)-len(o.undo)]
		}
	}
	if w.s.indexCut() { // then nobody knows which pages it has seen
		return &storeError{errIndexCut}
	}
	return query(w.conn, "COMMIT", nil, nil)
}

// endings are those of the database, its log and the index of that, which are of
// use only together.
var endings = [...]string{"", logEnding, "-shm"}

const logEnding = "-wal"

// look remembers which files are written to, and how large the database is: only
// a checkpoint changes that.
func (w *writer) look() {
	for i, ending := range endings {
		w.files[i], _ = os.Stat(w.s.path + ending)
	}
}

// inPlace reports as damage that a file was removed, replaced or cut while it is
// in use. What is written to it would be there until the end of the process only.
func (w *writer) inPlace() error {
	for i, ending := range endings {
		was := w.files[i]
		if was == nil {
			continue
		}
		what := ""
		is, err := os.Stat(w.s.path + ending)
		if ending == logEnding && err == nil {
			w.log.now = is.Size()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "was removed"
		case err != nil: // nobody knows
		case !os.SameFile(was, is):
			what = "was replaced"
		case ending == "" && is.Size() < was.Size():
			// Maybe by somebody's checkpoint, after a vacuum of ours.
			if err := w.sound(); err != nil {
				return err
			}
			w.look()
		}
		if what != "" {
			return &storeError{fmt.Errorf("%w: %s %s while it was in use", ErrDamaged, filepath.Base(w.s.path)+ending, what)}
		}
	}
	return nil
}

// sound has SQLite look through the whole database on the disk.
func (w *writer) sound() error {
	if err := execute(w.conn, "PRAGMA shrink_memory"); err != nil {
		return err
	}
	return query(w.conn, "PRAGMA quick_check(1)", nil, func(stmt *sqlite.Stmt) error {
		if text := stmt.ColumnText(0); text != "ok" {
			return &storeError{fmt.Errorf("%w: %s was cut while it was in use: %s", ErrDamaged, filepath.Base(w.s.path), text)}
		}
		return nil
	})
}

// op is one change under way: a table whose rows are written at its end.
type op struct {
	w         *writer
	rows      map[string]*row   // those asked for, by id; nil: there is none
	fresh     map[string][]*row // new ones of this change, by task
	summaries map[string][]*row // summarized ones that it put, by task
	dirty     []*row            // those to be written
	first     int64             // rows from this number on are new
	undo      []func()          // takes back what is not in the database
	after     []func()          // to be called once it is written
}

func newOp(w *writer) *op {
	return &op{w: w, rows: map[string]*row{}, fresh: map[string][]*row{}, summaries: map[string][]*row{}, first: w.last + 1}
}

func (o *op) rules() rules { return rules{table: o, o: o.w.s.o} }

func (o *op) put(r *row) error {
	w := o.w
	if r.number == 0 {
		w.last++
		r.number = w.last
		o.rows[r.run.ID] = r
		o.fresh[r.run.Task] = append(o.fresh[r.run.Task], r)
	}
	if !r.dirty {
		r.dirty = true
		o.dirty = append(o.dirty, r)
		if r.run.IsSummary() {
			o.summaries[r.run.Task] = append(o.summaries[r.run.Task], r)
		}
	}
	if r.was == runner.Queued {
		o.count(r.run.Queue, -1)
	}
	if r.was = r.run.State; r.was == runner.Queued {
		o.count(r.run.Queue, +1)
	}
	return nil
}

func (o *op) count(queue string, by int) {
	o.w.waiting[queue] += by
	o.undo = append(o.undo, func() { o.w.waiting[queue] -= by })
}

func (o *op) queued(queue string) int { return o.w.waiting[queue] }
func (o *op) token(id string) string  { return o.w.tokens[id] }

func (o *op) lease(id, token string) {
	tokens := o.w.tokens
	old := tokens[id]
	if old == token {
		return
	}
	set := func(token string) {
		if tokens[id] = token; token == "" {
			delete(tokens, id)
		}
	}
	set(token)
	o.undo = append(o.undo, func() { set(old) })
}

// flush writes the rows that changed.
func (o *op) flush() error {
	for _, r := range o.dirty {
		rec, err := pack(r, o.intern)
		if err != nil {
			return err
		}
		sql, args := insertRun, rec[:]
		switch {
		case r.number >= o.first && r.run.IsSummary():
			o.w.summarized[rec[colTask].n] = true
		case r.number >= o.first:
		case r.run.IsSummary():
			sql, args = updateSummary.sql, updateSummary.args(&rec)
		case r.asked:
			sql, args = updateAsked.sql, updateAsked.args(&rec)
		case !r.began.Equal(r.run.Started):
			sql, args = updateStart.sql, updateStart.args(&rec)
		default:
			sql, args = updateRun.sql, updateRun.args(&rec)
		}
		if err := query(o.w.conn, sql, args, nil); err != nil {
			return err
		}
	}
	o.w.written += len(o.dirty)
	if len(o.dirty) > 0 {
		tasks := make([]string, len(o.dirty))
		for i, r := range o.dirty {
			tasks[i] = r.run.Task
		}
		o.after = append(o.after, func() { o.w.s.forget(tasks...) })
	}
	return nil
}
