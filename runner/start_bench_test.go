package runner

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkRun is a run of /bin/true from its start to its end, directly and through
// the helper process, with the CPU time that rota and its children took.
func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	for _, c := range []struct {
		name   string
		change func(*Task)
	}{
		{"direct", func(*Task) {}},
		{"shell", func(t *Task) { t.Action = &Command{Text: "true"} }},
		{"umask", func(t *Task) { t.Umask = 0o077 }},
		{"user", func(t *Task) { t.User, t.Dir = "nobody", "/" }},
		{"forked", func(t *Task) { t.Mode = Forked }},
		{"forked user", func(t *Task) { t.Mode, t.User, t.Dir = Forked, "nobody", "/" }},
	} {
		b.Run(c.name, func(b *testing.B) {
			if os.Getuid() != 0 {
				b.Skip("only root can switch users")
			}
			ends := make(chan Result, 1)
			r := New(Options{StateDir: dir, Done: func(_ Run, res Result) error { ends <- res; return nil }})
			task := &Task{
				Name: "t", Action: &Command{Argv: []string{"/bin/true"}}, Data: Data{Output: 1 << 20},
				Policy:  Policy{Mode: Threaded, KillAfter: time.Second, StopSignal: "TERM", SuccessExit: []int{0}},
				Process: Process{Shell: []string{"/bin/sh", "-c"}, Base: dir, Umask: 0o022},
			}
			c.change(task)
			before := cpu()
			n := 0
			for b.Loop() {
				n++
				run := Run{ID: fmt.Sprintf("t/%s-%d", c.name, n), Task: "t", State: Running, Started: time.Now(), Attempts: 1}
				r.Start(b.Context(), Launch{Run: run, Task: task})
				if res := <-ends; res.Outcome != OK {
					b.Fatalf("%+v", res)
				}
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(n)/1000, "cpu-ms/op")
		})
	}
}

// cpu is what this process and its children have used.
func cpu() time.Duration {
	sum := time.Duration(0)
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
