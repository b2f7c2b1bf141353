package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"rota/runner"
)

// request is work for the writer that a caller waits for.
type request struct {
	inTx      func(*tx) error
	outsideTx func(*writer) // instead of inTx: called outside of any transaction
	patient   bool          // as CanWait in Change
	err       error
	done      chan struct{}
}

// write has the writer call f in a transaction, and returns once that is on the disk. F
// may be called several times. If f returns an error that is not of the database, it must
// have written nothing there; its changes to rows and leases are undone.
func (s *SQLite) write(ctx context.Context, f func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.send(&request{inTx: f, done: make(chan struct{})})
}

// send has the writer process the request, and returns once it has.
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

// writer is the one goroutine that writes. Only that goroutine may use the fields.
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
	committed  time.Time         // when the last transaction ended
	wal        walSize
	files      [3]os.FileInfo // of the database, its WAL and its index, as last seen
}

const (
	groupSize       = 512  // changes in one commit, at most
	checkpointAfter = 1000 // rows
	checkpointLow   = 20   // rows, on a full disk: the WAL takes several times the size of its rows
)

// How long changes that can wait are collected while many runs are under way.
const (
	patience     = 10 * time.Millisecond // from the last commit
	patientGroup = 64                    // changes that are committed at once
	manyLeases   = 16                    // runs under way
)

// run processes requests until the ledger is closed.
func (w *writer) run() {
	defer close(w.s.stopped)
	for first := range w.s.work {
		group, apart := make([]*request, 0, 16), []*request(nil)
		take := func(r *request) {
			if r.outsideTx != nil {
				apart = append(apart, r)
			} else {
				group = append(group, r)
			}
		}
		take(first)
		for r := range w.following(first) {
			take(r)
		}
		if len(group) > 0 {
			w.commit(group)
		}
		for _, r := range apart {
			r.outsideTx(w)
			close(r.done)
		}
		if w.written > checkpointAfter || w.wal.grown() || w.written > checkpointLow && w.s.DiskLow() {
			if w.restoreIndex() == nil {
				w.checkpoint()
			}
		}
		if w.s.DiskLow() {
			w.recover()
		}
	}
	_ = w.restoreIndex()
	_ = w.conn.Close() // all answered requests are committed
	w.s.cursorCopy.close()
}

// following yields the requests that are committed together with first: those that wait, and
// those that come while all of them are patient.
func (w *writer) following(first *request) iter.Seq[*request] {
	return func(yield func(*request) bool) {
		var over <-chan time.Time
		n, patient := 1, first.patient && len(w.tokens) >= manyLeases
		for n < groupSize {
			var r *request
			var open bool
			select {
			case r, open = <-w.s.work:
			default:
				if !patient || n >= patientGroup {
					return
				}
				if over == nil {
					over = time.After(patience - time.Since(w.committed))
				}
				select {
				case r, open = <-w.s.work:
				case <-over:
					return
				}
			}
			if !open || !yield(r) {
				return
			}
			n, patient = n+1, patient && r.patient
		}
	}
}

// commit processes the requests in one transaction or, if the database fails in that,
// each in its own, so that one that cannot be written does not fail the others; then it
// answers them.
func (w *writer) commit(group []*request) {
	err := w.transact(group)
	if errors.Is(err, ErrDiskFull) && w.s.reserve.release(time.Now()) {
		w.recordEvent("the disk is full: the reserved space is released for the ledger, and no output is recorded")
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
			r.err = w.s.markDamaged(err)
		}
		close(r.done)
	}
}

// recover reserves space again, if the disk has enough.
func (w *writer) recover() {
	if w.s.reserve.take(time.Now()); !w.s.DiskLow() {
		w.recordEvent("the disk has free space again")
	}
}

// recordEvent records an event of the writer itself.
func (w *writer) recordEvent(text string) {
	r := &request{done: make(chan struct{}), inTx: func(o *tx) error { return o.event(Event{Kind: "disk", Text: text}) }}
	_ = w.transact([]*request{r}) // best effort: DiskLow reports it too
}

// transact processes the requests in one transaction. An error is one of the database:
// then nothing was written.
func (w *writer) transact(group []*request) (err error) {
	if err := errors.Join(w.checkFiles(), w.restoreIndex()); err != nil {
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
		o := newTx(w)
		r.err = r.inTx(o)
		if r.err == nil {
			r.err = o.flush()
		}
		undo, after = append(undo, o.undo...), append(after, o.after...)
		var failed *storeError
		if errors.As(r.err, &failed) {
			return r.err
		}
		if r.err != nil { // refused: it wrote nothing but the record of damaged rows
			for _, f := range slices.Backward(o.undo) {
				f()
			}
			undo = undo[:len(undo)-len(o.undo)]
		}
	}
	if w.s.indexTruncated() { // then it is unknown which pages it has seen
		return &storeError{errIndexTruncated}
	}
	err = query(w.conn, "COMMIT", nil, nil)
	w.committed = time.Now()
	return err
}

// dbFileSuffixes are those of the database, its WAL and the index of that, which belong
// together.
var dbFileSuffixes = [...]string{"", walSuffix, "-shm"}

const walSuffix = "-wal"

// rememberFiles remembers which files are written to, and the size of the database, which
// only a checkpoint changes.
func (w *writer) rememberFiles() {
	for i, ending := range dbFileSuffixes {
		w.files[i], _ = os.Stat(w.s.path + ending)
	}
}

// checkFiles reports as damage that a file was removed, replaced or truncated while it is
// in use: what is written to it would be lost at the end of the process.
func (w *writer) checkFiles() error {
	for i, ending := range dbFileSuffixes {
		was := w.files[i]
		if was == nil {
			continue
		}
		what := ""
		is, err := os.Stat(w.s.path + ending)
		if ending == walSuffix && err == nil {
			w.wal.size = is.Size()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "was removed"
		case err != nil: // unknown
		case !os.SameFile(was, is):
			what = "was replaced"
		case ending == "" && is.Size() < was.Size():
			// Maybe by the checkpoint of another program, after a vacuum.
			if err := w.quickCheck(); err != nil {
				return err
			}
			w.rememberFiles()
		}
		if what != "" {
			return &storeError{fmt.Errorf("%w: %s %s while it was in use", ErrDamaged, filepath.Base(w.s.path)+ending, what)}
		}
	}
	return nil
}

// quickCheck has SQLite check the whole database on the disk.
func (w *writer) quickCheck() error {
	if err := execute(w.conn, "PRAGMA shrink_memory"); err != nil {
		return err
	}
	return query(w.conn, "PRAGMA quick_check(1)", nil, func(stmt *sqlite.Stmt) error {
		if text := stmt.ColumnText(0); text != "ok" {
			return &storeError{fmt.Errorf("%w: %s was truncated while it was in use: %s", ErrDamaged, filepath.Base(w.s.path), text)}
		}
		return nil
	})
}

// tx is one change in progress: a table whose rows are written at its end.
type tx struct {
	w         *writer
	rows      map[string]*row   // those that were looked up, by id; nil: not found
	fresh     map[string][]*row // new ones of this change, by task
	summaries map[string][]*row // summarized ones that it put, by task
	dirty     []*row            // those to be written
	first     int64             // rows from this number on are new
	undo      []func()          // undoes changes outside of the database
	after     []func()          // called once the transaction is committed
}

func newTx(w *writer) *tx {
	return &tx{w: w, rows: map[string]*row{}, fresh: map[string][]*row{}, summaries: map[string][]*row{}, first: w.last + 1}
}

func (t *tx) rules() rules { return rules{table: t, o: t.w.s.o} }

func (t *tx) put(r *row) error {
	w := t.w
	if r.number == 0 {
		w.last++
		r.number = w.last
		t.rows[r.run.ID] = r
		t.fresh[r.run.Task] = append(t.fresh[r.run.Task], r)
	}
	if !r.unsaved {
		r.unsaved = true
		t.dirty = append(t.dirty, r)
		if r.run.IsSummary() {
			t.summaries[r.run.Task] = append(t.summaries[r.run.Task], r)
		}
	}
	if r.savedState == runner.Queued {
		t.count(r.run.Queue, -1)
	}
	if r.savedState = r.run.State; r.savedState == runner.Queued {
		t.count(r.run.Queue, +1)
	}
	return nil
}

func (t *tx) count(queue string, by int) {
	t.w.waiting[queue] += by
	t.undo = append(t.undo, func() { t.w.waiting[queue] -= by })
}

func (t *tx) queued(queue string) int { return t.w.waiting[queue] }
func (t *tx) token(id string) string  { return t.w.tokens[id] }

func (t *tx) lease(id, token string) {
	tokens := t.w.tokens
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
	t.undo = append(t.undo, func() { set(old) })
}

// flush writes the rows that changed.
func (t *tx) flush() error {
	for _, r := range t.dirty {
		rec, err := pack(r, t.intern)
		if err != nil {
			return err
		}
		sql, args := insertRun, rec[:]
		switch {
		case r.number >= t.first && r.run.IsSummary():
			t.w.summarized[rec[colTask].n] = true
		case r.number >= t.first:
		case r.run.IsSummary():
			sql, args = updateSummary.sql, updateSummary.args(&rec)
		case r.requestChanged:
			sql, args = updateAsked.sql, updateAsked.args(&rec)
		case !r.savedStarted.Equal(r.run.Started):
			sql, args = updateStart.sql, updateStart.args(&rec)
		default:
			sql, args = updateRun.sql, updateRun.args(&rec)
		}
		if err := query(t.w.conn, sql, args, nil); err != nil {
			return err
		}
	}
	t.w.written += len(t.dirty)
	if len(t.dirty) > 0 {
		tasks := make([]string, len(t.dirty))
		for i, r := range t.dirty {
			tasks[i] = r.run.Task
		}
		t.after = append(t.after, func() { t.w.s.invalidate(tasks...) })
	}
	return nil
}
