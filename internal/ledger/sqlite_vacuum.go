package ledger

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// vacuum gives what is not used back to the disk, if it is much, and returns
// the size of the ledger.
func (s *SQLite) vacuum(ctx context.Context) (size int64, err error) {
	for {
		pages := map[string]int64{"page_count": 0, "freelist_count": 0, "page_size": 0}
		err := s.view(ctx, func(conn *sqlite.Conn) error {
			for name := range pages {
				err := query(conn, "PRAGMA "+name, nil, func(stmt *sqlite.Stmt) error { pages[name] = stmt.ColumnInt64(0); return nil })
				if err != nil {
					return err
				}
			}
			return nil
		})
		all, free := pages["page_count"], pages["freelist_count"]
		if err != nil || free < stepPages || free < all/10 {
			return all * pages["page_size"], err
		}
		err = s.write(ctx, func(o *op) error {
			o.w.written += stepPages
			return execute(o.w.conn, "PRAGMA incremental_vacuum(100)")
		})
		if err != nil {
			return 0, err
		}
	}
}
