package become

import (
	"strconv"
	"syscall"
)

// A Spec is encoded as texts, each after its length and a colon. That works for any text,
// and needs no package that would have to be initialized.

// Encode returns the content for [SpecFD].
func (s *Spec) Encode() []byte {
	var b []byte
	list := func(texts []string) {
		b = put(b, number(len(texts)))
		for _, t := range texts {
			b = put(b, t)
		}
	}
	list(s.Argv)
	list(s.Env)
	b = put(b, s.Dir)
	for _, n := range []*int{s.Umask, s.Nice} {
		if n == nil {
			b = put(b, "")
		} else {
			b = put(b, strconv.Itoa(*n))
		}
	}
	for _, l := range s.Limits {
		if l == nil {
			b = put(b, "")
		} else {
			b = put(put(b, number(l.Which)), number(l.Value))
		}
	}
	if s.User == nil {
		return put(b, "")
	}
	b = put(put(b, number(s.User.UID)), number(s.User.GID))
	var groups []string
	for _, g := range s.User.Groups {
		groups = append(groups, number(g))
	}
	list(groups)
	return b
}

func put(b []byte, text string) []byte {
	b = append(strconv.AppendInt(b, int64(len(text)), 10), ':')
	return append(b, text...)
}

// decoder reads the result of Encode.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) text() string {
	for i, c := range d.rest {
		if c != ':' {
			continue
		}
		n, err := strconv.Atoi(string(d.rest[:i]))
		from := i + 1
		if err != nil || n < 0 || n > len(d.rest)-from {
			break
		}
		text := string(d.rest[from : from+n])
		d.rest = d.rest[from+n:]
		return text
	}
	d.bad, d.rest = true, nil
	return ""
}

func (d *decoder) list() []string {
	n, err := strconv.Atoi(d.text())
	if err != nil || n < 0 || n > len(d.rest)/2 { // each takes two bytes or more
		d.bad = true
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.text()
	}
	return list
}

func (d *decoder) unsigned(text string, bits int) uint64 {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		d.bad = true
	}
	return n
}

func (d *decoder) optional() *int {
	text := d.text()
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		d.bad = true
	}
	return &n
}

func decode(text []byte) (s Spec, ok bool) {
	d := decoder{rest: text}
	s.Argv, s.Env, s.Dir = d.list(), d.list(), d.text()
	s.Umask, s.Nice = d.optional(), d.optional()
	for i := range s.Limits {
		if which := d.text(); which != "" {
			s.Limits[i] = &Limit{int(d.unsigned(which, 31)), d.unsigned(d.text(), 64)}
		}
	}
	if uid := d.text(); uid != "" {
		s.User = &User{UID: uint32(d.unsigned(uid, 32)), GID: uint32(d.unsigned(d.text(), 32))}
		for _, g := range d.list() {
			s.User.Groups = append(s.User.Groups, uint32(d.unsigned(g, 32)))
		}
	}
	return s, !d.bad && len(d.rest) == 0 && len(s.Argv) > 0
}

// Encode returns the reply of a helper.
func (f *Failure) Encode() []byte {
	b := strconv.AppendInt([]byte{byte(f.Step)}, int64(f.Which), 10)
	return strconv.AppendInt(append(b, ':'), int64(f.Errno), 10)
}

// DecodeFailure reads the reply of a helper; nil for an empty one.
func DecodeFailure(text []byte) *Failure {
	if len(text) == 0 {
		return nil
	}
	f := &Failure{Step: Step(text[0])}
	for i := 1; i < len(text); i++ {
		if text[i] == ':' {
			which, err := strconv.Atoi(string(text[1:i]))
			errno, err2 := strconv.Atoi(string(text[i+1:]))
			if err == nil && err2 == nil {
				f.Which, f.Errno = which, syscall.Errno(errno)
				return f
			}
		}
	}
	return &Failure{Step: Read, Errno: syscall.EBADMSG}
}
