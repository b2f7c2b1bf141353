package ledger

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
)

// value is what one column of a row holds.
type value struct {
	kind sqlite.ColumnType // TypeNull, TypeInteger, TypeText or TypeBlob
	n    int64
	text string // also of a blob
}

var nullValue = value{kind: sqlite.TypeNull}

// integerOrNull is NULL for 0.
func integerOrNull(n int64) value {
	if n == 0 {
		return nullValue
	}
	return integer(n)
}

func integer(n int64) value { return value{kind: sqlite.TypeInteger, n: n} }

// textOrNull is NULL for "".
func textOrNull(s string) value {
	if s == "" {
		return nullValue
	}
	return value{kind: sqlite.TypeText, text: s}
}

func blob(b []byte) value { return value{kind: sqlite.TypeBlob, text: string(b)} }

// timeOrNull is NULL for the zero time.
func timeOrNull(t time.Time) value {
	if t.IsZero() {
		return nullValue
	}
	return integer(t.UnixMicro())
}

// The microseconds of the times that JSON can hold: the years 0 to 9999, in UTC.
var (
	minTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// inJSONRange reports whether JSON can hold all those times.
func inJSONRange(micros ...int64) bool {
	return !slices.ContainsFunc(micros, func(n int64) bool { return n < minTime || n > maxTime })
}

// time is the inverse of timeOrNull.
func (c value) time() time.Time {
	if c.kind != sqlite.TypeInteger {
		return time.Time{}
	}
	return time.UnixMicro(c.n).UTC()
}

// bind sets the parameters of a statement, from the first on.
func bind(stmt *sqlite.Stmt, values ...value) {
	for i, c := range values {
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

// read fills values from the columns of a result, from the first on.
func read(stmt *sqlite.Stmt, values []value) {
	for i := range values {
		c := value{kind: stmt.ColumnType(i)}
		switch c.kind {
		case sqlite.TypeInteger:
			c.n = stmt.ColumnInt64(i)
		case sqlite.TypeNull:
		default: // also a blob: text is read byte by byte
			c.text = stmt.ColumnText(i)
		}
		values[i] = c
	}
}

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// checksum is the checksum of a row: of the position and value of each column that is not NULL.
func checksum(values ...value) value {
	buf := checksumBuffers.Get().(*[]byte)
	defer checksumBuffers.Put(buf)
	b := (*buf)[:0]
	for i, c := range values {
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
	*buf = b
	return integer(int64(crc32.Checksum(b, crcTable)))
}

// checksumBuffers are buffers for rows.
var checksumBuffers = sync.Pool{New: func() any { return new([]byte) }}

// checksumOK reports whether a row is as it was written; its last cell is the sum of
// the others.
func checksumOK(values []value) bool {
	last := len(values) - 1
	return values[last] == checksum(values[:last]...)
}
