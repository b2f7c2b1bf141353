package ledger

import (
	"container/heap"
	"context"
	"errors"
	"time"
)

// retainOutputs removes the outputs that need not be kept, also those of runs
// that the ledger does not know any more.
func (s *SQLite) retainOutputs(ctx context.Context, keep Retention, now time.Time, gone *Removed) error {
	alive, err := s.alive(ctx)
	if err != nil {
		return err
	}
	tasks, err := s.files.tasks()
	if err != nil {
		return err
	}
	var errs []error
	for _, task := range tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		all, err := s.files.outputs(task)
		errs = append(errs, err)
		k := keep.Task(task)
		count, bytes := len(all), int64(0)
		for _, o := range all {
			bytes += o.bytes
		}
		for _, o := range all {
			age := now.Sub(o.newest)
			if alive[o.id()] || k.protects(now, o.newest) {
				continue
			}
			if k.Outputs > 0 && count > k.Outputs || k.Bytes > 0 && bytes > k.Bytes || k.Age > 0 && age > k.Age {
				count--
				bytes -= o.bytes
				errs = append(errs, s.files.drop(o, gone))
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
		all, err := s.files.outputs(task)
		errs = append(errs, err)
		k := keep.Task(task)
		for _, o := range all {
			if alive[o.id()] || k.protects(now, o.newest) {
				continue
			}
			heap.Push(doomed, o)
			bytes += o.bytes
			for bytes-(*doomed)[0].bytes >= over { // the others are enough
				bytes -= heap.Pop(doomed).(output).bytes
			}
		}
	}
	for _, o := range *doomed {
		gone.Left -= o.bytes
		errs = append(errs, s.files.drop(o, gone))
	}
	return errors.Join(errs...)
}

// newestFirst is a heap of outputs.
type newestFirst []output

func (h newestFirst) Len() int           { return len(h) }
func (h newestFirst) Less(i, j int) bool { return byAge(h[i], h[j]) > 0 }
func (h newestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *newestFirst) Push(x any)        { *h = append(*h, x.(output)) }
func (h *newestFirst) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
