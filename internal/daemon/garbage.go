package daemon

import "runtime/debug"

const (
	usualGarbage   = 100 // percent, unless GOGC tells another
	readingGarbage = 300
)

// readingFile has the garbage collector run less often until the function that it returns
// is called: all that is read of a file lives until it is in force, so that most of what
// the collector looks at meanwhile is none. What GOGC tells otherwise stays.
func readingFile() (read func()) {
	if was := debug.SetGCPercent(readingGarbage); was != usualGarbage {
		debug.SetGCPercent(was)
		return func() {}
	}
	return func() {
		debug.SetGCPercent(usualGarbage)
		// What was read has taken several times the memory that its tasks need.
		go debug.FreeOSMemory()
	}
}
