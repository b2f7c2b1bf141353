package ledger

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"
)

// cell is a value as a column keeps it.
type cell struct {
	kind sqlite.ColumnType // TypeNull, TypeInteger, TypeText or TypeBlob
	n    int64
	text string // also of a blob
}

var null = cell{kind: sqlite.TypeNull}

// number is NULL for 0.
func number(n int64) cell {
	if n == 0 {
		return null
	}
	return integer(n)
}

func integer(n int64) cell { return cell{kind: sqlite.TypeInteger, n: n} }

// text is NULL for "".
func text(s string) cell {
	if s == "" {
		return null
	}
	return cell{kind: sqlite.TypeText, text: s}
}

func blob(b []byte) cell { return cell{kind: sqlite.TypeBlob, text: string(b)} }

// when is NULL for the zero time.
func when(t time.Time) cell {
	if t.IsZero() {
		return null
	}
	return integer(t.UnixMicro())
}

// The microseconds of the times that JSON can hold: the years 0 to 9999, in UTC.
var (
	leastTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	mostTime  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// tellable reports whether JSON can hold all those times.
func tellable(micros ...int64) bool {
	return !slices.ContainsFunc(micros, func(n int64) bool { return n < leastTime || n > mostTime })
}

// time is the inverse of when.
func (c cell) time() time.Time {
	if c.kind != sqlite.TypeInteger {
		return time.Time{}
	}
	return time.UnixMicro(c.n).UTC()
}

// bind sets the parameters of a statement, from the first on.
func bind(stmt *sqlite.Stmt, cells ...cell) {
	for i, c := range cells {
		switch c.kind {
		case sqlite.TypeInteger:
			stmt.BindInt64(i+1, c.n)
		case sqlite.TypeText:
			stmt.BindText(i+1, c.text)
		case sqlite.TypeBlob:
			stmt.BindBytes(i+1, []byte(c.text))
		default:
			stmt.BindNull(i + 1)
		}
	}
}

// read fills cells from the columns of a result, from the first on.
func read(stmt *sqlite.Stmt, cells []cell) {
	for i := range cells {
		c := cell{kind: stmt.ColumnType(i)}
		switch c.kind {
		case sqlite.TypeInteger:
			c.n = stmt.ColumnInt64(i)
		case sqlite.TypeNull:
		default: // also a blob: text is read byte by byte
			c.text = stmt.ColumnText(i)
		}
		cells[i] = c
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the checksum of a row: of each column that is not NULL with its place.
func sum(cells ...cell) cell {
	var buf [512]byte
	b := buf[:0]
	for i, c := range cells {
		if c.kind == sqlite.TypeNull {
			continue
		}
		b = append(b, byte(i), byte(c.kind))
		if c.kind == sqlite.TypeInteger {
			b = binary.AppendVarint(b, c.n)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(c.text)))
		b = append(b, c.text...)
	}
	return integer(int64(crc32.Checksum(b, castagnoli)))
}

// sound reports whether a row is as it was written; its last cell is the sum of
// the others.
func sound(cells []cell) bool {
	last := len(cells) - 1
	return cells[last] == sum(cells[:last]...)
}
