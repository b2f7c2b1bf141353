package ledger

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"rota/internal/runlog"
)

// retainOutputs removes the outputs that need not be kept, also those of runs
// that the ledger does not know any more.
func (s *SQLite) retainOutputs(ctx context.Context, keep Retention, now time.Time, gone *Removed) error {
	alive, err := s.alive(ctx)
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
				errs = append(errs, s.removeFiles(o, gone))
			}
		}
		gone.Left += bytes
	}
	// Rows count, too; half of what is kept is for outputs, whatever they take.
	rows, err := s.counted(ctx)
	if err != nil {
		return err
	}
	if over := gone.Left - max(keep.Total-rows, keep.Total/2); keep.Total > 0 && over > 0 {
		errs = append(errs, s.trim(ctx, tasks, alive, keep, now, over, gone))
	}
	return errors.Join(errs...)
}

// trim removes the oldest outputs of all tasks, that many bytes or a little more.
func (s *SQLite) trim(ctx context.Context, tasks []string, alive map[string]bool, keep Retention, now time.Time, over int64, gone *Removed) error {
	var errs []error
	doomed, bytes := &newestFirst{}, int64(0)
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
			heap.Push(doomed, o)
			bytes += o.Bytes
			for bytes-(*doomed)[0].Bytes >= over { // the others are enough
				bytes -= heap.Pop(doomed).(runlog.Files).Bytes
			}
		}
	}
	for _, o := range *doomed {
		gone.Left -= o.Bytes
		errs = append(errs, s.removeFiles(o, gone))
	}
	return errors.Join(errs...)
}

// removeFiles removes the files of a run, and counts them.
func (s *SQLite) removeFiles(f runlog.Files, gone *Removed) error {
	gone.Outputs++
	gone.Bytes += f.Bytes
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
