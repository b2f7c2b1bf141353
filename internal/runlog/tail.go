package runlog

import (
	"bytes"
	"io"
	"strings"
)

// Tail returns the end of a log of so many bytes, without the time before each line: at
// most limit bytes, from the start of a line where it can.
func Tail(log io.ReaderAt, size int64, limit int) (string, error) {
	room := int64(4*limit + 4096) // for stamps, and the line that is cut
	from := max(0, size-room)
	text, err := io.ReadAll(io.NewSectionReader(log, from, room))
	if err != nil {
		return "", err
	}
	if from > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	var tail []byte
	for line := range bytes.Lines(text) {
		if stamp, rest, ok := bytes.Cut(line, []byte(" ")); ok && len(stamp) == len(Stamp) {
			line = rest
		}
		tail = append(tail, line...)
	}
	tail = bytes.TrimRight(tail, "\n")
	if over := len(tail) - limit; over > 0 {
		_, whole, ok := bytes.Cut(tail[over-1:], []byte("\n"))
		if tail = tail[over:]; ok {
			tail = whole
		}
	}
	return strings.ToValidUTF8(string(tail), "\uFFFD"), nil
}
