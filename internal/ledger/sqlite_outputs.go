package ledger

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"rota/internal/runlog"
)

// retainOutputs removes the outputs that need not be kept, and those of runs that are
// not in the ledger any more.
func (s *SQLite) retainOutputs(ctx context.Context, keep Retention, now time.Time, removed *Removed) error {
	alive, err := s.unfinished(ctx)
	if err != nil {
		return err
	}
	tasks, err := s.files.Tasks()
	if err != nil {
		return err
	}
	var errs []error
	for _, task := range tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		all, err := s.files.Runs(task)
		errs = append(errs, err)
		k := keep.Task(task)
		count, bytes := len(all), int64(0)
		for _, o := range all {
			bytes += o.Bytes
		}
		for _, o := range all {
			age := now.Sub(o.Newest)
			if alive[o.Run()] || k.protects(now, o.Newest) {
				continue
			}
			if k.Outputs > 0 && count > k.Outputs || k.Bytes > 0 && bytes > k.Bytes || k.Age > 0 && age > k.Age {
				count--
				bytes -= o.Bytes
				errs = append(errs, s.removeFiles(o, removed))
			}
		}
		removed.Left += bytes
	}
	// Rows count, too; but half of the limit is for outputs, whatever the rows take.
	rows, err := s.countedBytes(ctx)
	if err != nil {
		return err
	}
	if over := removed.Left - max(keep.Total-rows, keep.Total/2); keep.Total > 0 && over > 0 {
		errs = append(errs, s.removeOldestOutputs(ctx, tasks, alive, keep, now, over, removed))
	}
	return errors.Join(errs...)
}

// removeOldestOutputs removes the oldest outputs of all tasks: over bytes or a little more.
func (s *SQLite) removeOldestOutputs(ctx context.Context, tasks []string, alive map[string]bool, keep Retention, now time.Time, over int64, removed *Removed) error {
	var errs []error
	rows, bytes := &newestFirst{}, int64(0)
	for _, task := range tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		all, err := s.files.Runs(task)
		errs = append(errs, err)
		k := keep.Task(task)
		for _, o := range all {
			if alive[o.Run()] || k.protects(now, o.Newest) {
				continue
			}
			heap.Push(rows, o)
			bytes += o.Bytes
			for bytes-(*rows)[0].Bytes >= over { // the others are enough
				bytes -= heap.Pop(rows).(runlog.Files).Bytes
			}
		}
	}
	for _, o := range *rows {
		removed.Left -= o.Bytes
		errs = append(errs, s.removeFiles(o, removed))
	}
	return errors.Join(errs...)
}

// removeFiles removes the files of a run, and counts them.
func (s *SQLite) removeFiles(f runlog.Files, removed *Removed) error {
	removed.Outputs++
	removed.Bytes += f.Bytes
	return s.files.Remove(f)
}

// newestFirst is a heap of outputs.
type newestFirst []runlog.Files

func (h newestFirst) Len() int           { return len(h) }
func (h newestFirst) Less(i, j int) bool { return h[i].Compare(h[j]) > 0 }
func (h newestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *newestFirst) Push(x any)        { *h = append(*h, x.(runlog.Files)) }
func (h *newestFirst) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
