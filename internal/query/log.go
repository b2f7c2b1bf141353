package query

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/internal/api"
	"rota/runner"
)

// Log implements [api.Reader].
func (r *Reader) Log(ctx context.Context, q api.LogQuery) (io.ReadCloser, error) {
	run, err := r.Ran(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	if q.Attempt > run.Attempts {
		return nil, api.Errorf(api.NotFound, "", "run %s has %s%s", run.ID, api.Plural(run.Attempts, "attempt", "attempts"), soFar(run))
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
		log, err := snapshot(r.LogPath(run, attempt))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return log, err
		}
	}
	which := ""
	if q.Attempt > 0 {
		which = " of attempt " + strconv.Itoa(q.Attempt)
	}
	return nil, api.Errorf(api.NotFound, "", "run %s has no output%s%s", run.ID, which, soFar(run))
}

// allAttempts opens the outputs of all attempts of a run, as they are now.
func (r *Reader) allAttempts(ctx context.Context, run runner.Run) (io.ReadCloser, error) {
	all := &pieces{}
	var parts []io.Reader
	for n := 1; n <= run.Attempts; n++ {
		log, err := snapshot(r.LogPath(run, n))
		if errors.Is(err, fs.ErrNotExist) { // it said nothing, or is kept no more
			continue
		}
		if err != nil {
			all.Close()
			return nil, err
		}
		all.files = append(all.files, log.files...)
		parts = append(parts, strings.NewReader(r.attemptLine(ctx, run.ID, n)), log)
	}
	if parts == nil {
		return nil, api.Errorf(api.NotFound, "", "run %s has no output%s", run.ID, soFar(run))
	}
	all.Reader = io.MultiReader(parts...)
	return all, nil
}

// attemptLine is the line, with the time when it began, before the output of an attempt, where there is that of
// others, too.
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
	return began.UTC().Format("2006-01-02T15:04:05.000Z") + " [rota] attempt " + strconv.Itoa(attempt) + "\n"
}

func soFar(run runner.Run) string {
	if run.Outcome == "" {
		return " so far"
	}
	return ""
}

// LogPath is where the output of an attempt is; beside it, while it is written,
// are the segments of its end: PATH.1 and so on, of which the newest two stay.
func (r *Reader) LogPath(run runner.Run, attempt int) string {
	task, key := runner.SplitID(run.ID)
	return filepath.Join(r.StateDir, "logs", task, key+"."+strconv.Itoa(attempt)+".log")
}

// segments returns the numbers of the segments beside a log, in order.
func segments(path string) []int {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		if end, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+"."); ok {
			if n, err := strconv.Atoi(end); err == nil && n > 0 {
				found = append(found, n)
			}
		}
	}
	slices.Sort(found)
	return found
}

func segment(path string, n int) string { return path + "." + strconv.Itoa(n) }

// cutHere is the line in the place of output that is not kept.
func cutHere() string {
	return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " [rota] some output dropped here\n"
}

// pieces is several files read as one.
type pieces struct {
	io.Reader
	files []*os.File
}

func (p *pieces) Close() error {
	for _, f := range p.files {
		f.Close()
	}
	return nil
}

// snapshot opens a log that is being written, as it is now.
func snapshot(path string) (*pieces, error) {
	for tries := 1; ; tries++ {
		p := &pieces{}
		var parts []io.Reader
		add := func(f *os.File, size int64) {
			p.files = append(p.files, f)
			parts = append(parts, io.LimitReader(f, size))
		}
		head, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		before := size(head)
		add(head, before)
		numbers := segments(path)
		if len(numbers) > 0 && numbers[0] > 1 {
			parts = append(parts, strings.NewReader(cutHere()))
		}
		for _, n := range numbers {
			f, err := os.Open(segment(path, n))
			if err != nil {
				break
			}
			add(f, size(f))
		}
		// Meanwhile a segment may have gone, or all of them into the head.
		if len(p.files) == len(numbers)+1 && size(head) == before || tries == 10 {
			p.Reader = io.MultiReader(parts...)
			return p, nil
		}
		p.Close()
	}
}

func size(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}
