package ledger

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// vacuum frees unused pages, if there are many, and returns the size of the ledger.
func (s *SQLite) vacuum(ctx context.Context) (size int64, err error) {
	for {
		var all, free, page int64
		err := s.view(ctx, func(conn *sqlite.Conn) (err error) { all, free, page, err = pagesOf(conn); return err })
		if err != nil || free < batchPages || free < all/10 {
			return all * page, err
		}
		err = s.write(ctx, func(o *tx) error {
			o.w.written += batchPages
			return execute(o.w.conn, "PRAGMA incremental_vacuum(100)")
		})
		if err != nil {
			return 0, err
		}
	}
}

// pagesOf returns how many pages the database has, how many of them are not used, and
// how large each is.
func pagesOf(conn *sqlite.Conn) (all, free, size int64, err error) {
	for name, to := range map[string]*int64{"page_count": &all, "freelist_count": &free, "page_size": &size} {
		if err := query(conn, "PRAGMA "+name, nil, func(stmt *sqlite.Stmt) error { *to = stmt.ColumnInt64(0); return nil }); err != nil {
			return 0, 0, 0, err
		}
	}
	return all, free, size, nil
}
