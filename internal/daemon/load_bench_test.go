package daemon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/runner"
)

// pageLoad is a daemon in a process of its own, with 50 runs a second, that others look at
// by [web].
type pageLoad struct {
	cmd    *exec.Cmd
	client *control.Client
	base   string
}

// startPageLoad starts one with that many tokens, t0 and so on.
func startPageLoad(b *testing.B, tokens int) *pageLoad {
	b.Helper()
	dir := b.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	var jobs strings.Builder
	fmt.Fprintf(&jobs, "[rota]\nstate_dir = \"state\"\n[web]\nlisten = %q\nactions = true\n[web.tokens]\n", address)
	for i := range tokens {
		write(b, filepath.Join(dir, fmt.Sprint("t", i)), tokenOf(i))
		fmt.Fprintf(&jobs, "t%d = { file = \"t%d\", may = \"control\" }\n", i, i)
	}
	for i := range 50 {
		fmt.Fprintf(&jobs, "[tasks.t%d]\ncron = \"* * * * * *\"\nlog = { message = \"x\", level = \"debug\" }\n", i)
	}
	write(b, filepath.Join(dir, "jobs.toml"), jobs.String())
	l := &pageLoad{cmd: child(b, dir), base: "http://" + address}
	if l.client, err = control.NewClient(control.Target{Socket: filepath.Join(dir, "state", "rota.sock")}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.client.Close)
	await(b, "runs", func() bool {
		runs, err := l.client.Runs(b.Context(), api.RunQuery{N: 100, Outcomes: []runner.Outcome{runner.OK}})
		return err == nil && len(runs) == 100
	})
	return l
}

func tokenOf(i int) string { return fmt.Sprintf("token-%d-0123456789abcdef", i) }

// openPage opens a stream and reads it until ctx ends.
func (l *pageLoad) openPage(ctx context.Context, b *testing.B, path string, token int, done *sync.WaitGroup) {
	b.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", l.base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokenOf(token))
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Fatal(path, answer, err)
	}
	done.Go(func() {
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err == nil {
			b.Error(path, "was ended by the daemon")
		}
	})
}

// used is the time of processors that the daemon has used.
func (l *pageLoad) used(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // _SC_CLK_TCK is 100
}

// measureTime is how long each is looked at.
const measureTime = 20 * time.Second

// BenchmarkOpenPages is what pages cost that somebody has open, while 50 runs a second
// happen: the share of one processor with them, and without.
func BenchmarkOpenPages(b *testing.B) {
	l := startPageLoad(b, 1)
	pages := []string{"/live/overview?at=0", "/live/overview?state=running&at=0", "/live/timeline", "/live/tasks/t1", "/live/events", "/live/queues", "/live/overview?order=next&at=0", "/live/tasks/t2", "/live/overview?q=t1&at=0", "/live/timeline"}
	for _, n := range []int{0, 10} {
		b.Run(fmt.Sprintf("pages=%d", n), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			var done sync.WaitGroup
			for i := range n {
				l.openPage(ctx, b, pages[i%len(pages)], 0, &done)
			}
			for b.Loop() {
				time.Sleep(2 * time.Second) // time itself is the subject: what each begins with is not counted
				used, began := l.used(b), time.Now()
				time.Sleep(measureTime) // time itself is the subject
				b.ReportMetric(100*(l.used(b)-used).Seconds()/time.Since(began).Seconds(), "%core")
			}
			cancel()
			done.Wait()
		})
	}
}

// BenchmarkStreams is how late runs start after their slots with 100 streams of events
// open, and without.
func BenchmarkStreams(b *testing.B) {
	const tokens = 10
	l := startPageLoad(b, tokens)
	for _, n := range []int{0, 100} {
		b.Run(fmt.Sprintf("streams=%d", n), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			var done sync.WaitGroup
			for i := range n {
				l.openPage(ctx, b, "/v1/events", i%tokens, &done)
			}
			for b.Loop() {
				used, began := l.used(b), time.Now()
				time.Sleep(measureTime) // time itself is the subject
				cpu := (l.used(b) - used).Seconds() / time.Since(began).Seconds()
				runs, err := l.client.Runs(b.Context(), api.RunQuery{N: 50 * int(measureTime/time.Second-2), Outcomes: []runner.Outcome{runner.OK}})
				if err != nil {
					b.Fatal(err)
				}
				var late []time.Duration
				for _, r := range runs {
					if r.Scheduled.After(began) {
						late = append(late, r.Started.Sub(r.Scheduled))
					}
				}
				slices.Sort(late)
				b.ReportMetric(late[len(late)/2].Seconds()*1000, "ms-p50")
				b.ReportMetric(late[len(late)*99/100].Seconds()*1000, "ms-p99")
				b.ReportMetric(100*cpu, "%core")
			}
			cancel()
			done.Wait()
		})
	}
}
