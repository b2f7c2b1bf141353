package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Tasks with the same values have them in memory once, but do not have values of others.
func TestSharedValues(t *testing.T) {
	c := parse(t, `
[defaults]
env = { A = "1" }
[tasks.a]
command = "true"
cron = "0 3 * * *"
secrets = { S = "env:S" }
[tasks.b]
command = "false"
cron = "0 3 * * *"
timeout = "1h"
on_success = "run:a"
[tasks.c]
command = "true"
cron = "0 3 * * *"
timezone = "Asia/Tokyo"
env = { B = "2" }
[tasks.d]
command = "true"
cron = "0 3 * * *"
timeout = "1h"
secrets = { S = "env:S" }
`)
	a, b, x, d := c.Tasks["a"], c.Tasks["b"], c.Tasks["c"], c.Tasks["d"]
	if a.triggers[0] != b.triggers[0] || b.policy != d.policy || a.policy != x.policy || a.process != d.process || a.account != x.account || a.data != d.data {
		t.Error("equal values are in memory twice")
	}
	if a.triggers[0] == x.triggers[0] || a.policy == b.policy || a.process == b.process || b.process == x.process || a.account == b.account || a.data == x.data {
		t.Error("a task has values of another one")
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		same(t, name+" without the secret of others", c.Tasks.Get(name).DropEnv, []string{"S"})
	}
	same(t, "zone", c.Tasks.Get("c").Zone, "Asia/Tokyo")
	changed := c.Tasks.Get("d")
	changed.Timeout = time.Minute
	if same(t, "timeout", c.Tasks.Get("b").Timeout, time.Hour); c.Tasks.With(changed).Get("d").Timeout != time.Minute {
		t.Error("a task cannot be replaced")
	}
	if _, found := c.Tasks.Find("e"); found {
		t.Error("found a task that the file does not have")
	}
	same(t, "no task", c.Tasks.Get("e"), Task{})
}

// Each trigger with a warning is reported, however many are like it.
func TestWarningOfEachTrigger(t *testing.T) {
	var b strings.Builder
	for i := range 3 {
		fmt.Fprintf(&b, "[tasks.t%d]\ncommand = \"true\"\nonce = 2001-01-01T00:00:00\n[tasks.u%[1]d]\ncommand = \"true\"\ninterval = \"1h\"\ntimezone = \"UTC\"\n", i)
	}
	c := parse(t, b.String())
	same(t, "warnings", len(c.Warnings), 6)
}

// BenchmarkTasks is what it takes to read 10,000 tasks, and the memory that they have then:
// with the same keys but for their triggers, with few different values of others, with
// comments, and with keys of their own.
func BenchmarkTasks(b *testing.B) {
	const tasks = 10_000
	for _, keys := range []struct {
		name string
		of   func(i int) string
	}{
		{"alike", func(int) string { return "" }},
		{"mixed", func(i int) string { return fmt.Sprintf("timeout = \"%dm\"\numask = \"%04o\"\n", 1+i%4, i%8) }},
		{"commented", func(i int) string { return strings.Repeat("# what this task is for, and whom to ask\n", 20) }},
		{"own", func(i int) string {
			return fmt.Sprintf("timeout = \"%dm\"\ntags = \"t%[1]d\"\nenv = { N = \"%[1]d\" }\n", i)
		}},
	} {
		b.Run(keys.name, func(b *testing.B) {
			var text strings.Builder
			for i := range tasks {
				fmt.Fprintf(&text, "[tasks.t%d]\ncron = \"0 %d %d 29 2 *\"\ncommand = [\"/bin/true\"]\n%s", i, i%60, i/60%24, keys.of(i))
			}
			kept := uint64(0)
			var before, after runtime.MemStats
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&before)
				b.StartTimer()
				c, err := Parse("jobs.toml", strings.Clone(text.String()), Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				kept = after.HeapAlloc - before.HeapAlloc
				runtime.KeepAlive(c)
				b.StartTimer()
			}
			b.ReportMetric(float64(kept)/tasks, "B/task")
		})
	}
}

// BenchmarkDiff compares 10,000 tasks with others that differ in their triggers.
func BenchmarkDiff(b *testing.B) {
	text := func(more int) string {
		var text strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&text, "[tasks.t%d]\ncron = \"0 %d %d 29 2 *\"\ncommand = [\"/bin/true\"]\n", i, (i+more)%60, i/60%24)
		}
		return text.String()
	}
	for name, more := range map[string]int{"same": 0, "changed": 1} {
		b.Run(name, func(b *testing.B) {
			before, err := Parse("jobs.toml", text(0), Options{})
			after, err2 := Parse("jobs.toml", text(more), Options{})
			if err != nil || err2 != nil {
				b.Fatal(err, err2)
			}
			for b.Loop() {
				Diff(before, after)
			}
		})
	}
}
