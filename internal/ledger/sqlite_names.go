package ledger

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"zombiezen.com/go/sqlite"
)

// names maps texts that many rows share to numbers, and back. All are in memory: tasks,
// queues and revisions are few.
type names struct {
	mu   sync.RWMutex
	ids  map[string]int64
	byID map[int64]string
}

func newNames() *names { return &names{ids: map[string]int64{}, byID: map[int64]string{}} }

func (n *names) id(name string) (int64, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok := n.ids[name]
	return id, ok
}

func (n *names) name(id int64) (string, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if name, ok := n.byID[id]; ok {
		return name, nil
	}
	return "", fmt.Errorf("no name has the number %d", id)
}

// all returns all of them.
func (n *names) all() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.Collect(maps.Keys(n.ids))
}

func (n *names) set(id int64, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ids[name], n.byID[id] = id, name
}

func (n *names) remove(id int64, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ids, name)
	delete(n.byID, id)
}

// load reads all names. Rows that use a damaged name are damaged, too.
func (n *names) load(conn *sqlite.Conn) error {
	var values [3]value
	return query(conn, "SELECT id, name, sum FROM names", nil, func(stmt *sqlite.Stmt) error {
		if read(stmt, values[:]); checksumOK(values[:]) {
			n.set(values[0].n, values[1].text)
		}
		return nil
	})
}

// intern returns the number of a name, which is added if it is new.
func (t *tx) intern(name string) (int64, error) {
	names := t.w.s.names
	if id, ok := names.id(name); ok {
		return id, nil
	}
	id := t.w.lastName + 1
	err := query(t.w.conn, "INSERT OR REPLACE INTO names VALUES (?,?,?)",
		[]value{integer(id), textOrNull(name), checksum(integer(id), textOrNull(name))}, nil)
	if err != nil {
		return 0, err
	}
	t.w.lastName = id
	names.set(id, name)
	t.undo = append(t.undo, func() {
		t.w.lastName = id - 1
		names.remove(id, name)
	})
	return id, nil
}
