package runlog

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// segmentNumbers returns the numbers of the segments beside a log, in order.
func segmentNumbers(path string) []int {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		if end, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+"."); ok {
			if n, err := strconv.Atoi(end); err == nil && n > 0 {
				found = append(found, n)
			}
		}
	}
	slices.Sort(found)
	return found
}

// Notice is a line of rota's own in an output, with its end.
func Notice(text string) string { return NoticeAt(time.Now(), text) }

// NoticeAt is Notice of another time.
func NoticeAt(at time.Time, text string) string {
	return at.UTC().Format(Stamp) + " [rota] " + text + "\n"
}

// cutHere is the line in the place of output that is not kept.
func cutHere() string {
	return Notice("some output dropped here")
}

// pieces is several files read as one.
type pieces struct {
	io.Reader
	files []*os.File
}

func (p *pieces) Close() error {
	for _, f := range p.files {
		f.Close()
	}
	return nil
}

// Snapshot opens a log as it is now, also one that is being written. [fs.ErrNotExist] if
// nothing was written, or it is not kept any more.
func Snapshot(path string) (io.ReadCloser, error) {
	for tries := 1; ; tries++ {
		p := &pieces{}
		var parts []io.Reader
		add := func(f *os.File, size int64) {
			p.files = append(p.files, f)
			parts = append(parts, io.LimitReader(f, size))
		}
		head, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		before := size(head)
		add(head, before)
		numbers := segmentNumbers(path)
		if len(numbers) > 0 && numbers[0] > 1 {
			parts = append(parts, strings.NewReader(cutHere()))
		}
		for _, n := range numbers {
			f, err := os.Open(segmentPath(path, n))
			if err != nil {
				break
			}
			add(f, size(f))
		}
		// Meanwhile a segment may have gone, or all of them into the head.
		if len(p.files) == len(numbers)+1 && size(head) == before || tries == 10 {
			p.Reader = io.MultiReader(parts...)
			return p, nil
		}
		p.Close()
	}
}

func size(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}
