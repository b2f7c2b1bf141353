package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"rota/internal/runlog"
)

// outputLine is a line of output, or a piece of a very long one.
type outputLine struct {
	at        time.Time // zero if that is not known
	text      string
	continued bool // it continues the piece before
	last      bool // the last piece of its line
}

// maxPiece is the longest piece of a line in memory. rota itself splits lines long before
// that.
const maxPiece = 256 << 10

// eachLine splits a text into lines; stamped: they may begin with their time.
func eachLine(r io.Reader, stamped bool, f func(outputLine) error) error {
	b := bufio.NewReaderSize(r, maxPiece)
	more := false
	for {
		raw, err := b.ReadSlice('\n')
		if len(raw) > 0 {
			l := outputLine{text: string(raw), continued: more, last: true}
			switch {
			case raw[len(raw)-1] == '\n':
				l.text = l.text[:len(raw)-1]
			case errors.Is(err, bufio.ErrBufferFull):
				l.last = false
			}
			if stamped && !more && len(l.text) > len(runlog.Stamp) && l.text[len(runlog.Stamp)] == ' ' {
				stamp := l.text[:len(runlog.Stamp)]
				// Package time reads more than it writes, such as a comma for the dot.
				if at, err := time.Parse(runlog.Stamp, stamp); err == nil && !at.IsZero() && at.Format(runlog.Stamp) == stamp {
					l.at, l.text = at, l.text[len(runlog.Stamp)+1:]
				}
			}
			more = !l.last
			if err := f(l); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("the output is incomplete: %w", err)
		}
	}
}
