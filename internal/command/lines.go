package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"rota/internal/runlog"
)

// logged is a line of an output, or a piece of a very long one.
type logged struct {
	at    time.Time // zero if that is not known
	text  string
	more  bool // it goes on from the piece before
	whole bool // it ends here
}

// maxPiece is the longest piece of a line that is held at once. rota itself cuts
// lines long before that.
const maxPiece = 256 << 10

// eachLine takes a text apart; stamped says that its lines may begin with their
// time.
func eachLine(r io.Reader, stamped bool, f func(logged) error) error {
	b := bufio.NewReaderSize(r, maxPiece)
	more := false
	for {
		raw, err := b.ReadSlice('\n')
		if len(raw) > 0 {
			l := logged{text: string(raw), more: more, whole: true}
			switch {
			case raw[len(raw)-1] == '\n':
				l.text = l.text[:len(raw)-1]
			case errors.Is(err, bufio.ErrBufferFull):
				l.whole = false
			}
			if stamped && !more && len(l.text) > len(runlog.Stamp) && l.text[len(runlog.Stamp)] == ' ' {
				stamp := l.text[:len(runlog.Stamp)]
				// Package time reads more than it writes, such as a comma for the dot.
				if at, err := time.Parse(runlog.Stamp, stamp); err == nil && !at.IsZero() && at.Format(runlog.Stamp) == stamp {
					l.at, l.text = at, l.text[len(runlog.Stamp)+1:]
				}
			}
			more = !l.whole
			if err := f(l); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("the output breaks off: %w", err)
		}
	}
}
