package ledger

import "context"

// Migrated notes a change of the tables that this program does not know.
func Migrated(s *SQLite, name string) error {
	return s.write(context.Background(), func(o *op) error {
		return query(o.w.conn, "INSERT INTO migrations VALUES (?, 0)", []cell{text(name)}, nil)
	})
}

// Unmigrated forgets a change of the tables.
func Unmigrated(s *SQLite, name string) error {
	return s.write(context.Background(), func(o *op) error {
		return query(o.w.conn, "DELETE FROM migrations WHERE name = ?", []cell{text(name)}, nil)
	})
}
