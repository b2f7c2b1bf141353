package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/internal/api"
	"rota/internal/ledger"
	"rota/internal/runlog"
	"rota/runner"
)

// gatheredLines is what somebody read of a log whose lines are numbers.
type gatheredLines struct {
	lines int // how many
	last  int
	cuts  int // lines that say that something was dropped
	fault string
}

// gatherLines reads numbered lines until the end.
func gatherLines(log io.Reader) (g gatheredLines) {
	cut := false
	scan := bufio.NewScanner(log)
	for scan.Scan() {
		_, text, _ := strings.Cut(scan.Text(), " ")
		if strings.HasPrefix(text, "[rota] ") {
			g.cuts++
			cut = true
			continue
		}
		n, err := strconv.Atoi(strings.TrimRight(text, "."))
		switch {
		case g.fault != "":
		case err != nil:
			g.fault = fmt.Sprintf("after line %d: %q", g.last, scan.Text())
		case n <= g.last:
			g.fault = fmt.Sprintf("line %d after line %d", n, g.last)
		case n > g.last+1 && !cut:
			g.fault = fmt.Sprintf("line %d after line %d, and nothing says that some are missing", n, g.last)
		}
		g.lines, g.last, cut = g.lines+1, n, false
	}
	if err := scan.Err(); err != nil {
		g.fault = err.Error()
	}
	return g
}

// followedLog is a run under way and its output.
type followedLog struct {
	*readerRig
	*runlog.Output
	lease ledger.Lease
	run   runner.Run
	n     int
}

func newFollowedLog(t *testing.T, limit int64) *followedLog {
	s := newReaderRig(t, "[tasks.t]\ncron = \"0 * * * *\"\nlog = \"x\"\n")
	lease := s.start()
	w := &followedLog{readerRig: s, lease: lease, run: lease.Run}
	w.Output = runlog.NewOutput(runlog.Store{StateDir: s.StateDir}.Log(w.run.ID, 1), limit, nil)
	return w
}

// lines writes n lines, numbered from where the last ones ended.
func (w *followedLog) lines(n int) {
	for range n {
		w.n++
		fmt.Fprintf(w, "%d%s\n", w.n, strings.Repeat(".", 60))
	}
}

// pass lets time go by.
func (w *followedLog) pass(d time.Duration) {
	time.Sleep(d) // time itself is the subject
}

// end closes the output, and then ends the run.
func (w *followedLog) end() {
	w.Close()
	w.do(w.book.Finish(context.Background(), w.lease, runner.Result{Outcome: runner.OK, Finished: w.at.Add(time.Second)}))
}

func TestFollow(t *testing.T) {
	const many = 1 << 20
	for _, c := range []struct {
		name  string
		limit int64
		write func(w *followedLog)
		want  gatheredLines
	}{
		{"little", many, func(w *followedLog) { w.lines(10) }, gatheredLines{lines: 10, last: 10}},
		{"nothing", many, func(w *followedLog) { w.pass(time.Second) }, gatheredLines{}},
		{"late", many, func(w *followedLog) { w.pass(time.Minute); w.lines(3); w.pass(time.Minute); w.lines(3) }, gatheredLines{lines: 6, last: 6}},
		{"slowly, through many segments", 8 << 10, func(w *followedLog) {
			for range 2000 {
				w.lines(1)
				w.pass(100 * time.Millisecond)
			}
		}, gatheredLines{lines: 2000, last: 2000}},
		{"slowly, then ended in the second segment", 8 << 10, func(w *followedLog) {
			for range 60 {
				w.lines(1)
				w.pass(100 * time.Millisecond)
			}
		}, gatheredLines{lines: 60, last: 60}},
		{"all at once, and not all of it is kept", 8 << 10, func(w *followedLog) { w.lines(2000) }, gatheredLines{lines: 111, last: 2000, cuts: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFollowedLog(t, c.limit)
				log, err := w.Log(t.Context(), api.LogQuery{Run: "t", Follow: true})
				if err != nil {
					t.Fatal(err)
				}
				got := make(chan gatheredLines)
				go func() { got <- gatherLines(log) }()
				c.write(w)
				w.end()
				if got := <-got; got != c.want {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
				log.Close()
			})
		})
	}
}

// However the output comes, a follower sees each line once and in order, sees the
// last one, and is notified where some are missing.
func TestFollowAtRandom(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			w := newFollowedLog(t, 2<<10<<random.IntN(5))
			log, err := w.Log(t.Context(), api.LogQuery{Run: w.run.ID, Follow: true})
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan gatheredLines)
			go func() { got <- gatherLines(log) }()
			for range 1 + random.IntN(60) {
				w.lines(random.IntN(1 << random.IntN(8)))
				time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
			}
			w.end()
			if got := <-got; got.fault != "" || got.last != w.n {
				t.Errorf("seed %d: got %+v of %d lines", seed, got, w.n)
			}
			log.Close()
		})
	}
}

func TestFollowAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFollowedLog(t, 1<<20)
		log, err := w.Log(t.Context(), api.LogQuery{Run: "t", Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan gatheredLines)
		go func() { got <- gatherLines(log) }()
		w.lines(5)
		w.Close()
		w.do(w.book.Note(t.Context(), w.lease, runner.Transition{State: runner.Delayed, Why: "failed: exit 1", Until: w.at}))
		time.Sleep(time.Minute)
		leases, err := w.book.Claim(t.Context(), []string{w.run.ID})
		w.do(err)
		w.lease = leases[0]
		w.Output = runlog.NewOutput(runlog.Store{StateDir: w.StateDir}.Log(w.run.ID, 2), 1<<20, nil)
		w.lines(5)
		time.Sleep(time.Second)
		w.end()
		if got, want := <-got, (gatheredLines{lines: 10, last: 10}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// The output of each attempt can be read, alone or with that of the others, while the run
// continues and later.
func TestLogOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFollowedLog(t, 1<<20)
		read := func(q api.LogQuery) string {
			t.Helper()
			q.Run = "t"
			log, err := w.Log(t.Context(), q)
			if err != nil {
				return err.Error()
			}
			defer log.Close()
			b, err := io.ReadAll(log)
			if err != nil {
				return err.Error()
			}
			text := ""
			for line := range strings.Lines(string(b)) {
				_, line, _ = strings.Cut(line, " ") // its time
				text += strings.TrimSpace(line) + ","
			}
			return text
		}
		check := func(when string, want map[api.LogQuery]string) {
			t.Helper()
			for q, want := range want {
				if got := read(q); got != want {
					t.Errorf("%s: %+v: %q, want %q", when, q, got, want)
				}
			}
		}
		put := func(text string) {
			w.Write([]byte(text + "\n"))
		}
		put("one")
		w.Close()
		w.do(w.book.Note(t.Context(), w.lease, runner.Transition{State: runner.Delayed, Until: w.at}))
		check("between attempts", map[api.LogQuery]string{
			{}: "one,", {Attempt: 1}: "one,", {Attempt: 1, Follow: true}: "one,", {Attempt: api.AllAttempts}: "[rota] attempt 1,one,",
			{Attempt: 2}: "run t/20261121T120000Z has 1 attempt so far",
		})
		time.Sleep(time.Minute)
		leases, err := w.book.Claim(t.Context(), []string{w.run.ID})
		w.do(err)
		w.lease = leases[0]
		w.Output = runlog.NewOutput(runlog.Store{StateDir: w.StateDir}.Log(w.run.ID, 2), 1<<20, nil)
		put("two")
		follows := make(chan string)
		for _, q := range []api.LogQuery{{Attempt: api.AllAttempts, Follow: true}, {Attempt: 1, Follow: true}} {
			go func() { follows <- read(q) }()
			if q.Attempt == 1 { // it does not wait for the other one
				if got := <-follows; got != "one," {
					t.Errorf("followed the first attempt: %q", got)
				}
			}
		}
		time.Sleep(time.Second)
		put("more")
		time.Sleep(time.Second)
		w.end()
		if got, want := <-follows, "[rota] attempt 1,one,[rota] attempt 2,two,more,"; got != want {
			t.Errorf("followed all attempts: %q, want %q", got, want)
		}
		check("at the end", map[api.LogQuery]string{
			{}: "two,more,", {Attempt: 1}: "one,", {Attempt: 2}: "two,more,", {Attempt: api.AllAttempts}: "[rota] attempt 1,one,[rota] attempt 2,two,more,",
			{Attempt: 3}: "run t/20261121T120000Z has 2 attempts",
		})
	})
}

func TestFollowUntilClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFollowedLog(t, 1<<20)
		log, err := w.Log(t.Context(), api.LogQuery{Run: "t", Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		go func() { _, err := io.ReadAll(log); got <- err }()
		w.lines(1)
		time.Sleep(time.Minute)
		log.Close()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// A reader that does not follow gets the output up to that moment.
func TestLogSoFar(t *testing.T) {
	w := newFollowedLog(t, 8<<10)
	if _, err := w.Log(t.Context(), api.LogQuery{Run: "t"}); api.CodeOf(err) != api.NotFound || err.Error() != "run t/20261121T120000Z has no output so far" {
		t.Errorf("got %v", err)
	}
	for _, c := range []struct {
		more int
		want gatheredLines
	}{
		{10, gatheredLines{lines: 10, last: 10}},
		{50, gatheredLines{lines: 60, last: 60}}, // in the second segment
		{940, gatheredLines{lines: 104, last: 1000, cuts: 1}},
	} {
		w.lines(c.more)
		log, err := w.Log(t.Context(), api.LogQuery{Run: "t"})
		if err != nil {
			t.Fatal(err)
		}
		if got := gatherLines(log); got != c.want {
			t.Errorf("after %d lines: got %+v, want %+v", w.n, got, c.want)
		}
		log.Close()
	}
	w.end()
}
