package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"rota/internal/trust"
)

// maxSize bounds in bytes a file that is read.
const maxSize = 16 << 20

// readFile returns the content of a regular file, at most one byte more than maxSize.
// It fails if a user can change the file that the rule does not accept. real is the
// path without symbolic links.
func readFile(path string, rule trust.Rule) (data []byte, real string, err error) {
	f, err := rule.Open(path)
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		p.Path = path // as the caller named it
	}
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	var b bytes.Buffer
	if info, err := f.Stat(); err == nil {
		b.Grow(int(min(info.Size(), maxSize)) + bytes.MinRead) // else it is copied each time that it grows
	}
	_, err = b.ReadFrom(io.LimitReader(f, maxSize+1))
	return b.Bytes(), f.Name(), err
}

// tooLarge returns the words for a file with more than most bytes.
func tooLarge(most int) string { return fmt.Sprintf("larger than %d MiB", most>>20) }

// file is the file at a path.
type file struct {
	data []byte
	real string // the path without symbolic links; "": not known
	mark mark   // taken before the file was read
}

// open returns the file at a path. The error is a [*trust.Error] if a user may change
// the file who must not, and an [*Unanswered] if the path does not answer in time.
func (o Options) open(path string) (f file, err error) {
	if o.Read != nil {
		f.data, err = o.Read(path)
	} else {
		f, err = within(o.Limit, path, o.until, func() (f file, err error) {
			f.mark = markOf(path)
			f.data, f.real, err = readFile(path, trust.For(o.TrustFile))
			return f, err
		})
	}
	o.seen.addFile(path, f, err)
	return f, err
}

// glob returns the paths that match a pattern.
func (o Options) glob(pattern string) (matches []string, err error) {
	if o.Glob != nil {
		matches, err = o.Glob(pattern)
	} else {
		matches, err = within(o.Limit, pattern, o.until, func() ([]string, error) { return filepath.Glob(pattern) })
	}
	o.seen.addMatches(pattern, matches)
	return matches, err
}

// withDeadline returns the options with the deadline for one pass over the files that
// begins now.
func (o Options) withDeadline() Options {
	if o.Limit == nil {
		o.Limit = NewLimit(loadTime)
	}
	o.until = time.Now().Add(o.Limit.time)
	return o
}

// read returns the text of a file without its byte order mark, and its path without
// symbolic links. The fault is about the file as a whole, such as that it has more
// than most bytes.
func (o Options) read(path string, most int) (text, real string, fault *Fault, err error) {
	f, err := o.open(path)
	if e := (*trust.Error)(nil); errors.As(err, &e) {
		msg := strings.Join(e.Why, ", ")
		if e.Path != path {
			msg = e.Reason()
		}
		return "", "", &Fault{Msg: msg, Hint: e.Hint()}, nil
	}
	if err != nil {
		return "", "", nil, err
	}
	if len(f.data) > most {
		return "", "", &Fault{Msg: "the file is " + tooLarge(most)}, nil
	}
	return strings.TrimPrefix(string(f.data), byteOrderMark), f.real, nil, nil
}
