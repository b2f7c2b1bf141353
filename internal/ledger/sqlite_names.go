package ledger

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"zombiezen.com/go/sqlite"
)

// names are the texts that many rows share, as numbers. All are in memory:
// tasks, queues and revisions are few.
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
	return "", fmt.Errorf("there is no name %d", id)
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

func (n *names) drop(id int64, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ids, name)
	delete(n.byID, id)
}

// load reads all names. Rows that use a name that is not sound are not
// believed either.
func (n *names) load(conn *sqlite.Conn) error {
	var cells [3]cell
	return query(conn, "SELECT id, name, sum FROM names", nil, func(stmt *sqlite.Stmt) error {
		if read(stmt, cells[:]); sound(cells[:]) {
			n.set(cells[0].n, cells[1].text)
		}
		return nil
	})
}

// intern returns the number of a name, which is added if it is new.
func (o *op) intern(name string) (int64, error) {
	names := o.w.s.names
	if id, ok := names.id(name); ok {
		return id, nil
	}
	id := o.w.lastName + 1
	err := query(o.w.conn, "INSERT OR REPLACE INTO names VALUES (?,?,?)",
		[]cell{integer(id), text(name), sum(integer(id), text(name))}, nil)
	if err != nil {
		return 0, err
	}
	o.w.lastName = id
	names.set(id, name)
	o.undo = append(o.undo, func() {
		o.w.lastName = id - 1
		names.drop(id, name)
	})
	return id, nil
}
