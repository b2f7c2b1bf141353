package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The next daemon finds the entries that one daemon has recorded, and none that was
// dropped.
func TestTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), tableName)
	first, err := openTable(path)
	if err != nil {
		t.Fatal(err)
	}
	of := func(i int) identity {
		cgroup := []string{"cgroup", ""}[i%2] // it may not be known
		return identity{i + 1, uint64(i), uint64(i + 2), "boot", cgroup}
	}
	const n = 3 * growEntries
	for i := range n {
		if err := first.put(fmt.Sprint("t+", i, ",1"), of(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if i%3 != 0 {
			first.drop(fmt.Sprint("t+", i, ",1"))
		}
	}
	if err := first.put("t+0,1", of(1000)); err != nil { // instead
		t.Fatal(err)
	}
	if err := first.put("t+a blank,1", of(0)); err == nil {
		t.Error("a name with a blank was put")
	}
	if err := first.put(strings.Repeat("x", entrySize), of(0)); err == nil {
		t.Error("a name that has no room was put")
	}
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	next, err := openTable(path)
	if err != nil {
		t.Fatal(err)
	}
	if names := next.names(); len(names) != n/3 {
		t.Errorf("%d names, want %d: %v", len(names), n/3, names)
	}
	for i := range n {
		want := of(i)
		if i == 0 {
			want = of(1000)
		}
		if got, err := next.get(fmt.Sprint("t+", i, ",1")); (err == nil) != (i%3 == 0) || err == nil && got != want {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
	}
	for i := range n - n/3 {
		if err := next.put(fmt.Sprint("u+", i, ",1"), of(i)); err != nil {
			t.Fatal(err)
		}
	}
	if after := size(); after != before {
		t.Errorf("the file has grown from %d to %d bytes, and had free places", before, after)
	}
}

// Any file is read as a table, and invalid lines are ignored.
func TestTableOfNonsense(t *testing.T) {
	line := func(text string) string { return text + strings.Repeat("\x00", entrySize-len(text)) }
	for _, text := range []string{
		"", "\n", "x", line("t+k,1 1 2 3 b c"), line("t+k,1 1 2\n"), line("t+k,1 a b c d e\n"), line("\x00+k,1 1 2 3 b c\n"),
		line("t+k,1 1 2 3 b c\n")[:entrySize-1], strings.Repeat("\n", 2*entrySize),
	} {
		path := filepath.Join(t.TempDir(), tableName)
		write(t, path, text, 0o600)
		table, err := openTable(path)
		if err != nil {
			t.Errorf("%.20q: %v", text, err)
			continue
		}
		if names := table.names(); len(names) != 0 {
			t.Errorf("%.20q: %v", text, names)
		}
		want := identity{1, 2, 3, "b", "c"}
		if err := table.put("t+k,1", want); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		if got, err := table.get("t+k,1"); err != nil || got != want || !slices.Equal(table.names(), []string{"t+k,1"}) {
			t.Errorf("%.20q: %+v, %v", text, got, err)
		}
	}
}

// A process that has just begun was started when rota thinks it was.
func TestTicksSinceBoot(t *testing.T) {
	p, err := fork("/bin/sleep", []string{"sleep", "1000"}, &syscall.ProcAttr{Env: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.signal(syscall.SIGKILL); p.abandon() }()
	s, err := readStat(p.pid)
	if err != nil {
		t.Fatal(err)
	}
	if s.started < p.earliest || s.started > p.latest {
		t.Errorf("started at %d, and rota thinks between %d and %d", s.started, p.earliest, p.latest)
	}
	present, leads := identity{p.pid, p.earliest, p.latest, thisBoot(), thisCgroup()}.leads()
	if !present || !leads {
		t.Errorf("present: %v, leads: %v", present, leads)
	}
}
