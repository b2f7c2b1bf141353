package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// table is the file "processes" of a state directory: the identities of the processes
// of attempts that this daemon executes, while they live. A daemon that was killed left
// there what the next one looks for. It need not last longer than the machine is up,
// so the disk is not asked for anything, and to be recorded costs a start one write to
// memory: a file of its own for each process takes 30 times as long.
//
// Each entry in the file has the same size. It holds a line, or begins with a zero byte:
// then it is free. A line is written, and removed, by one call that does not cross a
// page, so that no kill leaves half of it. Entries are added many at a time and reused,
// so that most starts need no room on the disk.
type table struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]int // in use, by the name of the attempt
	free    []int
}

const (
	tableName   = "processes"
	entrySize   = 512 // a name of a file and some numbers
	growEntries = 64
)

// tables are those that this process has open, by state directory.
var tables struct {
	sync.Mutex
	of map[string]*table
}

// tableOf opens the table of a state directory.
func tableOf(stateDir string) (*table, error) {
	tables.Lock()
	defer tables.Unlock()
	if t := tables.of[stateDir]; t != nil {
		return t, nil
	}
	t, err := openTable(filepath.Join(stateDir, tableName))
	if err != nil {
		return nil, err
	}
	if tables.of == nil {
		tables.of = map[string]*table{}
	}
	tables.of[stateDir] = t
	return t, nil
}

func openTable(path string) (*table, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Close()
		return nil, err
	}
	t := &table{file: f, entries: map[string]int{}}
	for i := range len(text) / entrySize {
		if name, _, ok := parseEntry(text[i*entrySize : (i+1)*entrySize]); ok {
			t.entries[name] = i
		} else {
			t.free = append(t.free, i)
		}
	}
	return t, nil
}

// parseEntry parses an entry; ok is false if it is free.
func parseEntry(text []byte) (name string, id identity, ok bool) {
	line, _, whole := bytes.Cut(text, []byte{'\n'})
	if !whole || len(line) == 0 || line[0] == 0 {
		return "", id, false
	}
	n, _ := fmt.Sscanf(string(line), entryFormat, &name, &id.PID, &id.Started, &id.Latest, &id.Boot, &id.Cgroup)
	return name, id, n >= 5 // the control group may not be known
}

// entryFormat is the name of an attempt and an identity.
const entryFormat = "%s %d %d %d %s %s"

// put records the process of an attempt.
func (t *table) put(name string, id identity) error {
	text := fmt.Appendf(make([]byte, 0, entrySize), entryFormat+"\n", name, id.PID, id.Started, id.Latest, id.Boot, id.Cgroup)
	if len(text) > entrySize || strings.ContainsAny(name, " \n") {
		return fmt.Errorf("process of %s: its name is too long, or has a blank", name)
	}
	place, err := t.entryOf(name)
	if err != nil {
		return err
	}
	if _, err = t.file.WriteAt(text, int64(place)*entrySize); err != nil {
		t.drop(name)
	}
	return err
}

// entryOf returns the entry of an attempt, or assigns one.
func (t *table) entryOf(name string) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if place, ok := t.entries[name]; ok {
		return place, nil
	}
	if len(t.free) == 0 {
		next := len(t.entries)
		if _, err := t.file.WriteAt(make([]byte, growEntries*entrySize), int64(next)*entrySize); err != nil {
			return 0, err
		}
		for i := range growEntries {
			t.free = append(t.free, next+growEntries-1-i)
		}
	}
	place := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.entries[name] = place
	return place, nil
}

// drop forgets an attempt.
func (t *table) drop(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if place, ok := t.entries[name]; ok {
		_, _ = t.file.WriteAt([]byte{0}, int64(place)*entrySize)
		delete(t.entries, name)
		t.free = append(t.free, place)
	}
}

// get returns what the process of an attempt was recorded as.
func (t *table) get(name string) (identity, error) {
	t.mu.Lock()
	place, ok := t.entries[name]
	t.mu.Unlock()
	if !ok {
		return identity{}, os.ErrNotExist
	}
	text := make([]byte, entrySize)
	if _, err := t.file.ReadAt(text, int64(place)*entrySize); err != nil {
		return identity{}, err
	}
	is, id, ok := parseEntry(text)
	if !ok || is != name {
		return identity{}, errors.New("no identity of the process of " + name)
	}
	return id, nil
}

// names are those of all attempts that are recorded.
func (t *table) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]string, 0, len(t.entries))
	for name := range t.entries {
		all = append(all, name)
	}
	return all
}
