package ledger

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"zombiezen.com/go/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables to the form that this program knows.
func migrate(conn *sqlite.Conn, now int64) error {
	if err := query(conn, "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT", nil, nil); err != nil {
		return err
	}
	todo, err := unapplied(conn)
	if err != nil {
		return err
	}
	for _, name := range todo {
		text, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			return err
		}
		script := "BEGIN IMMEDIATE;" + string(text) + fmt.Sprintf("INSERT INTO migrations VALUES ('%s', %d);COMMIT", name, now)
		if err := execute(conn, script); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

// unapplied returns the migrations that a database needs, in their order.
func unapplied(conn *sqlite.Conn) (todo []string, err error) {
	applied := map[string]bool{}
	err = query(conn, "SELECT name FROM migrations", nil, func(stmt *sqlite.Stmt) error {
		applied[stmt.ColumnText(0)] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	entries, err := migrations.ReadDir("migrations") // in the order of their names
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case !applied[e.Name()]:
			todo = append(todo, e.Name())
		case len(todo) > 0: // they are applied in order
			return nil, &storeError{fmt.Errorf("migration %s was recorded, and %s before it was not", e.Name(), todo[0])}
		}
		delete(applied, e.Name())
	}
	for name := range applied {
		if len(todo) > 0 { // a newer rota has every migration that this one has
			return nil, &storeError{fmt.Errorf("migration %q is unknown, and %s was not recorded", name, todo[0])}
		}
		return nil, fmt.Errorf("%w: a newer one made the change %q; use that one", ErrVersion, name)
	}
	return todo, nil
}

// checkSchema returns an error that is damage if a table, column or index that the
// migrations make is not in a database or is not what they make: a query would fail on
// it later. What was added by others is ignored.
func checkSchema(conn *sqlite.Conn) error {
	want, err := migratedSchema()
	if err != nil {
		return fmt.Errorf("the schema of a new ledger: %v", err) // not damage of this database
	}
	have, err := schema(conn)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] != want[name] {
			return &storeError{fmt.Errorf("%w: its %s is not as it was made", ErrDamaged, name)}
		}
	}
	return nil
}

// migratedSchema is the schema of a new ledger.
var migratedSchema = sync.OnceValues(func() (map[string]string, error) {
	conn, err := sqlite.OpenConn(":memory:")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := migrate(conn, 0); err != nil {
		return nil, err
	}
	return schema(conn)
})

// schema returns the columns and indexes of a database, each with how it is declared.
// The SQL of a table is not compared: ALTER TABLE rewrites it in a form that may differ
// between versions of SQLite.
func schema(conn *sqlite.Conn) (map[string]string, error) {
	parts := map[string]string{}
	const columns = `SELECT 'column ' || t.name || '.' || c.name, c.type || ' ' || c."notnull" || ' ' || c.pk
		FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.type = 'table'`
	const indexes = "SELECT 'index ' || name, sql FROM sqlite_schema WHERE type = 'index'"
	for _, sql := range []string{columns, indexes} {
		err := query(conn, sql, nil, func(stmt *sqlite.Stmt) error {
			parts[stmt.ColumnText(0)] = stmt.ColumnText(1)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}
