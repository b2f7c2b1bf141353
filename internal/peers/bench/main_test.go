package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRota measures a burst of one task and some requests, once, with rota alone: it holds
// that the command still works, and says nothing of a time.
func TestRota(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler")
	}
	b, err := newBench(t.TempDir(), options{rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.calm = 0 // others may write to directories above, which rota watches
	r := row{name: "burst", what: "one command", lines: burstLines(3, 0, 0, 0, 0), measure: burst(1, direct)}
	table := newTable(b.schedulers)
	if err := b.measure(r, table); err != nil {
		t.Fatal(err)
	}
	text := table.String()
	if !strings.Contains(text, "| one command: first start | ") || strings.Count(text, "\n") != 2+len(r.lines) {
		t.Errorf("the table is\n%s", text)
	}
	values, err := requests(5, 2*len(kinds), 1)(b, b.schedulers[0])
	if err != nil || len(values) != 6 || slices.Min(values[:3]) <= 0 || values[5] != 0 {
		t.Errorf("requests took %v, and the last of these failed: %v", values, err)
	}
}

// TestParseBenchmark reads what go test prints.
func TestParseBenchmark(t *testing.T) {
	const text = `goos: linux
BenchmarkStart/rota-2         	   10000	    393624 ns/op	    274900 cpu-ns/start	      2540 starts/s
BenchmarkStart/exec-2         	   10000	    334219 ns/op	    204500 cpu-ns/start	      2992 starts/s
PASS
`
	p, err := parseBenchmark(text, "BenchmarkStart", []string{"ns/op", "starts/s"})
	if err != nil || len(p) != 2 || p["rota"]["cpu-ns/start"] != 274900 || p["exec"]["starts/s"] != 2992 {
		t.Errorf("it tells %v: %v", p, err)
	}
	if p, err := parseBenchmark("BenchmarkLedgerLife-2 5 8 ns/op 7 transitions/s\n", "BenchmarkLedgerLife", nil); err != nil || p[""]["transitions/s"] != 7 {
		t.Errorf("it tells %v: %v", p, err)
	}
	for _, c := range []struct{ text, unit string }{{text, "transitions/s"}, {"PASS\n", "ns/op"}} {
		if p, err := parseBenchmark(c.text, "BenchmarkStart", []string{c.unit}); err == nil {
			t.Errorf("it tells %v, and nothing of %s", p, c.unit)
		}
	}
}

func TestTable(t *testing.T) {
	table := newTable([]scheduler{rota("rota", ""), cron("supercronic", ""), cron("supercronic -passthrough-logs", ""), rota("old", "")})
	r := row{name: "burst", what: "many commands", lines: []line{{"last start", ms, 350}, {"changes", unit{"a second", 1, true}, 1e5}}}
	for i, s := range table.columns {
		for _, v := range []float64{3, 1, 2} {
			table.add(r, scheduler{name: s}, []float64{v * 2e6 * float64(i+1), v * 1000 * float64(i+1)}, i != 1)
		}
	}
	const want = `| what | rota | supercronic | supercronic -passthrough-logs | old | best peer / rota | goal |
|---|--:|--:|--:|--:|--:|--:|
| many commands: last start | 4 ms (2–6) | ~8 ms (4–12) | 12 ms (6–18) | 16 ms (8–24) | 2.00 | ≤ 350 ms |
| … changes | 2,000 a second (1,000–3,000) | ~4,000 a second (2,000–6,000) | 6,000 a second (3,000–9,000) | 8,000 a second (4,000–12,000) | 0.33 | ≥ 100,000 a second |
`
	if got := table.String(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

func TestChoose(t *testing.T) {
	if some, err := choose("burst-sh,burst"); err != nil || len(some) != 2 || some[0].name != "burst-sh" {
		t.Errorf("chose %v: %v", some, err)
	}
	if _, err := choose("burst,none"); err == nil || !strings.Contains(err.Error(), `no row "none"`) {
		t.Errorf("chose a row that there is not: %v", err)
	}
}

// TestProcessorTime reads the clock of another process, which has moved once that has begun.
func TestProcessorTime(t *testing.T) {
	d := exec.Command("sleep", "60")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Process.Kill(); _ = d.Wait() }()
	for deadline := time.Now().Add(time.Minute); processorTime(d.Process.Pid) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process that has begun has used no time")
		}
	}
}
