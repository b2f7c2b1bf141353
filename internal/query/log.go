package query

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"rota/internal/api"
	"rota/internal/runlog"
	"rota/runner"
)

// Log implements [api.Reader].
func (r *Reader) Log(ctx context.Context, q api.LogQuery) (io.ReadCloser, error) {
	run, err := r.Ran(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	if q.Attempt > run.Attempts {
		return nil, api.Errorf(api.NotFound, "", "run %s has %s%s", run.ID, api.Plural(run.Attempts, "attempt", "attempts"), outputSoFar(run))
	}
	attempt := q.Attempt
	if attempt == 0 {
		attempt = run.Attempts
	}
	switch {
	case run.Outcome == "" && run.State != runner.Recurring && q.Follow:
		return r.follow(ctx, run, q.Attempt), nil
	case q.Attempt == api.AllAttempts:
		return r.allAttempts(ctx, run)
	case attempt > 0:
		log, err := runlog.Snapshot(r.logs().Log(run.ID, attempt))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return log, err
		}
	}
	which := ""
	if q.Attempt > 0 {
		which = " of attempt " + strconv.Itoa(q.Attempt)
	}
	return nil, api.Errorf(api.NotFound, "", "run %s has no output%s%s", run.ID, which, outputSoFar(run))
}

// allAttempts opens the outputs of all attempts of a run, as they are now.
func (r *Reader) allAttempts(ctx context.Context, run runner.Run) (io.ReadCloser, error) {
	all := &attempts{}
	var parts []io.Reader
	for n := 1; n <= run.Attempts; n++ {
		log, err := runlog.Snapshot(r.logs().Log(run.ID, n))
		if errors.Is(err, fs.ErrNotExist) { // the attempt had no output, or the output was removed
			continue
		}
		if err != nil {
			all.Close()
			return nil, err
		}
		all.logs = append(all.logs, log)
		parts = append(parts, strings.NewReader(r.attemptLine(ctx, run.ID, n)), log)
	}
	if parts == nil {
		return nil, api.Errorf(api.NotFound, "", "run %s has no output%s", run.ID, outputSoFar(run))
	}
	all.Reader = io.MultiReader(parts...)
	return all, nil
}

// attemptLine returns the line before the output of an attempt, if the output of several
// is read. It has the time when the attempt began.
func (r *Reader) attemptLine(ctx context.Context, id string, attempt int) string {
	began, n := time.Now(), attempt
	_, steps, _ := r.Ledger.Get(ctx, id)
	for _, s := range steps {
		if s.State != runner.Running || s.Reason.Is(runner.ReasonRunsLate) {
			continue
		}
		if n--; n == 0 {
			began = s.Time
		}
	}
	return runlog.NoticeAt(began, "attempt "+strconv.Itoa(attempt))
}

// attempts reads the outputs of several attempts as one.
type attempts struct {
	io.Reader
	logs []io.Closer
}

func (a *attempts) Close() error {
	for _, log := range a.logs {
		_ = log.Close() // it was only read
	}
	return nil
}

// logs returns the files of runs.
func (r *Reader) logs() runlog.Store { return runlog.Store{StateDir: r.StateDir} }

func outputSoFar(run runner.Run) string {
	if run.Outcome == "" {
		return " so far"
	}
	return ""
}

// follow returns a reader of the output of a run that has not ended; attempt is as in
// [api.LogQuery].
func (r *Reader) follow(ctx context.Context, run runner.Run, attempt int) io.ReadCloser {
	f := runlog.Following{
		Path:    func(attempt int) string { return r.logs().Log(run.ID, attempt) },
		Attempt: max(1, run.Attempts),
		Over:    func(ctx context.Context, n int) (bool, bool, error) { return r.hasEnded(ctx, run.ID, n, attempt > 0) },
	}
	switch {
	case attempt == api.AllAttempts:
		f.Attempt = 1
		f.Heading = func(ctx context.Context, n int) string { return r.attemptLine(ctx, run.ID, n) }
	case attempt > 0:
		f.Attempt = attempt
	}
	return runlog.Follow(ctx, f)
}

// hasEnded reports whether the output of an attempt is complete, and whether it is the last
// one to read. With only set, the reader wants no other attempt.
func (r *Reader) hasEnded(ctx context.Context, id string, attempt int, only bool) (over, last bool, err error) {
	run, _, err := r.Ledger.Get(ctx, id)
	switch {
	case absent(err):
		return true, true, io.EOF // removed by rota forget
	case err != nil:
		return false, false, err
	}
	last = run.Outcome != "" && run.Attempts <= attempt
	over = last || run.Attempts > attempt
	if only { // the attempt is over as soon as it no longer runs
		over = over || run.State != runner.Running
		last = over
	}
	return over, last, nil
}
