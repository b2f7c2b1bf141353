package daemon

import (
	"runtime/debug"
	"testing"
)

// While a file is read garbage may pile up, but not if GOGC tells how much may.
func TestReadingFile(t *testing.T) {
	was := debug.SetGCPercent(usualGarbage)
	defer debug.SetGCPercent(was)
	percent := func() int {
		n := debug.SetGCPercent(1)
		debug.SetGCPercent(n)
		return n
	}
	for usual, reading := range map[int]int{usualGarbage: readingGarbage, 50: 50, -1: -1} {
		debug.SetGCPercent(usual)
		read := readingFile()
		if n := percent(); n != reading {
			t.Errorf("with GOGC=%d it is %d while a file is read, want %d", usual, n, reading)
		}
		if read(); percent() != usual {
			t.Errorf("with GOGC=%d it is %d afterwards", usual, percent())
		}
	}
}
