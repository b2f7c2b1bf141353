package runner

import (
	"slices"
)

// pendingRun is a run that may start now.
type pendingRun struct {
	*Run
	task      *taskView
	claimed   bool
	undecided bool // its condition is being checked, or does not hold
}

// claim takes, queue by queue, all that can start now.
func (d *decision) claim() {
	if d.v.Draining {
		return
	}
	ready := make([]*pendingRun, len(d.newRuns))
	for i := range d.newRuns {
		ready[i] = &d.newRuns[i]
	}
	for name, runs := range d.v.waiting {
		if !d.v.known(name) {
			continue
		}
		t := d.task(name)
		for i := range runs {
			if r := &runs[i]; !d.ended[r.ID] && (!t.held || d.v.forced(r)) {
				ready = append(ready, &pendingRun{Run: r, task: t})
			}
		}
	}
	slices.SortFunc(ready, func(a, b *pendingRun) int { return startOrder(a.Run, b.Run) })
	total, busy := d.v.total, map[string]int{}
	for _, r := range ready {
		if d.v.MaxRunning > 0 && total >= d.v.MaxRunning {
			return
		}
		if q, ok := d.v.Queues[r.Queue]; ok && d.v.running[r.Queue]+busy[r.Queue] >= q.Workers || d.v.closed(r.Queue) {
			continue
		}
		if r.task.overlap != OverlapAllow && (len(r.task.live) > 0 || r.task.claimed) {
			continue
		}
		if d.v.NoRoom != nil && d.v.NoRoom(r.Task) {
			continue
		}
		switch d.readiness(r.Run) {
		case Checking:
			total++
			busy[r.Queue]++
			r.undecided, r.task.claimed = true, true
			continue
		case NotReady:
			r.undecided = true
			continue
		}
		d.batch.Claim = append(d.batch.Claim, r.ID)
		total++
		busy[r.Queue]++
		r.claimed, r.task.claimed = true, true
		d.queued[r.Queue]--
		r.task.added--
	}
}

// readiness is that of the condition of a run.
func (d *decision) readiness(r *Run) Readiness {
	if d.v.Ready == nil {
		return Ready
	}
	return d.v.Ready(r)
}

// refuse turns the newest of the new runs that would have to wait in a queue
// without room into skipped slots.
func (d *decision) refuse() {
	refused := map[string]bool{} // ids of runs
	for i := len(d.newRuns) - 1; i >= 0; i-- {
		w := &d.newRuns[i]
		if w.claimed || w.undecided || !d.exceedsCapacity(w) {
			continue
		}
		d.queued[w.Queue]--
		w.task.added--
		refused[w.ID] = true
		d.restore(w)
		full := Run{
			ID: w.ID, Task: w.Task, Cause: w.Cause, Outcome: Skipped, Parent: w.Parent,
			Scheduled: w.Scheduled, Finished: d.now, First: w.Scheduled, Last: w.Scheduled, Count: 1,
		}
		full.Because(Reason{Code: ReasonQueueFull, Detail: w.Queue})
		d.batch.Summaries = append(d.batch.Summaries, full)
	}
	if len(refused) == 0 {
		return
	}
	d.batch.Runs = slices.DeleteFunc(d.batch.Runs, func(r Run) bool { return refused[r.ID] })
	stays := func(e End) bool { return e.Reason.Code == ReasonReplaced && refused[e.Reason.By] }
	d.batch.Ends = slices.DeleteFunc(d.batch.Ends, stays)
	d.batch.Stops = slices.DeleteFunc(d.batch.Stops, stays)
}

// restore keeps the waiting run that a refused run would have replaced.
func (d *decision) restore(w *pendingRun) {
	for i := range w.task.waiting {
		if r := &w.task.waiting[i]; d.ended[r.ID] {
			d.queued[r.Queue]++
			w.task.added++
		}
	}
}

// exceedsCapacity reports whether more wait in the queue of a run than may.
func (d *decision) exceedsCapacity(w *pendingRun) bool {
	if q, ok := d.v.Queues[w.Queue]; ok {
		return d.v.queued[w.Queue]+d.queued[w.Queue] > q.Capacity
	}
	return len(w.task.waiting)+w.task.added > UnqueuedCapacity
}
