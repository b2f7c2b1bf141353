package config

import (
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

// readFile returns the content of a regular file, and not much more of it than
// maxSize, unless somebody can change it whom the rule does not accept. real is
// where the path leads to.
func readFile(path string, rule trust.Rule) (data []byte, real string, err error) {
	f, err := rule.Open(path)
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		p.Path = path // as it was named
	}
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, maxSize+1))
	return data, f.Name(), err
}

// larger says that something has more bytes than it may have.
func larger(most int) string { return fmt.Sprintf("larger than %d MiB", most>>20) }

// file is what a path leads to.
type file struct {
	data []byte
	real string // the path without symbolic links; "": not known
	mark mark   // of it before it was read
}

// open returns what a path leads to. The error is a [*trust.Error] if somebody may
// change it who must not, and an [*Unanswered] if it does not answer.
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
	o.seen.text(path, f, err)
	return f, err
}

// glob returns the paths that match a pattern.
func (o Options) glob(pattern string) (matches []string, err error) {
	if o.Glob != nil {
		matches, err = o.Glob(pattern)
	} else {
		matches, err = within(o.Limit, pattern, o.until, func() ([]string, error) { return filepath.Glob(pattern) })
	}
	o.seen.match(pattern, matches)
	return matches, err
}

// begun returns the options for one look at the files, which begins now.
func (o Options) begun() Options {
	if o.Limit == nil {
		o.Limit = NewLimit(loadTime)
	}
	o.until = time.Now().Add(o.Limit.time)
	return o
}

// read returns the text of a file without its byte order mark, and where its path
// leads to. The fault is about the file as a whole, such as that it has more than
// most bytes.
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
		return "", "", &Fault{Msg: "the file is " + larger(most)}, nil
	}
	return strings.TrimPrefix(string(f.data), byteOrderMark), f.real, nil, nil
}
