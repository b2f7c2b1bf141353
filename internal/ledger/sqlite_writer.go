package ledger

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
)

// request is work for the writer that a caller waits for.
type request struct {
	inTx         func(*tx) error
	outsideTx    func(*writer)              // instead of inTx: called outside of any transaction
	patient      bool                       // as CanWait in Change
	whileWaiting func(done <-chan struct{}) // as WhileWaiting in Change; may be nil
	err          error
	done         chan struct{}
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
	if r.whileWaiting != nil {
		r.whileWaiting(r.done)
	}
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
