package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The decoder knows what a TOML text says, but not where it says it: it gives
// one position for a dotted key and none for what stands inside an array. The
// scanner finds the places. It reads only texts that the decoder has accepted,
// so it judges nothing, and it runs only when there is something to complain of.

// span is a stretch of text, in bytes.
type span struct{ start, end int }

// node is a key of the text, or an item of an array, with what it stands for.
type node struct {
	key   span             // the key; of an item in an array of tables, the last part of its header
	val   span             // the value; of a table with a header, the key in the header
	kids  map[string]*node // by key, if it is a table
	items []*node          // if it is an array
}

// child returns the node of a key in a table, or in the newest table of an
// array of tables, and makes it if need be.
func (n *node) child(name string, key span) *node {
	if len(n.items) > 0 {
		n = n.items[len(n.items)-1]
	}
	k := n.kids[name]
	if k == nil {
		k = &node{key: key, val: key}
		if n.kids == nil {
			n.kids = map[string]*node{}
		}
		n.kids[name] = k
	}
	return k
}

// find walks a path of keys (string) and indices (int) and returns the node
// there, or the last one on the way if the text has no such path.
func (n *node) find(path []any) (_ *node, whole bool) {
	for _, step := range path {
		var next *node
		switch s := step.(type) {
		case string:
			next = n.kids[s]
		case int:
			if s < len(n.items) {
				next = n.items[s]
			}
		}
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

type scanner struct {
	text string
	pos  int
}

// scan returns the places of all keys and values of a text.
func scan(text string) *node {
	s := &scanner{text: text}
	root := &node{}
	table := root
	for s.skip(" \t\r\n"); s.pos < len(s.text); s.skip(" \t\r\n") {
		start := s.pos
		if s.take("[") {
			array := s.take("[")
			table = s.keys(root)
			if s.take("]") && array {
				item := &node{key: table.key, val: table.key}
				table.items = append(table.items, item)
				table = item
				s.take("]")
			}
		} else {
			s.pair(table)
		}
		if s.pos == start { // not TOML
			s.pos++
		}
	}
	return root
}

// pair reads "key = value" into a table and returns the position behind it.
func (s *scanner) pair(table *node) int {
	n := s.keys(table)
	if s.take("=") {
		s.value(n)
	}
	return s.pos
}

// keys reads a dotted key and returns the node it leads to.
func (s *scanner) keys(n *node) *node {
	for {
		s.skip(" \t")
		start, name := s.pos, ""
		if c := s.peek(); c == '"' || c == '\'' {
			s.quoted()
			name, _ = unquote(s.text[start:s.pos], 0)
		} else {
			for bare(s.peek()) {
				s.pos++
			}
			name = s.text[start:s.pos]
		}
		key := span{start, s.pos}
		n = n.child(name, key)
		if !s.take(".") {
			n.key = key // where it is defined, rather than where it is first passed through
			if len(n.items) == 0 {
				n.val = key
			}
			return n
		}
	}
}

// value reads one value into n.
func (s *scanner) value(n *node) {
	s.skip(" \t")
	start := s.pos
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.pos++
		for s.more(']') {
			item := &node{}
			s.value(item)
			item.key = item.val
			n.items = append(n.items, item)
		}
	case '{':
		s.pos++
		for s.more('}') {
			if start := s.pos; s.pair(n) == start { // not TOML
				s.pos++
			}
		}
	default:
		s.pos += len(upTo(s.text[s.pos:], ",]}#\n"))
		s.pos = start + len(strings.TrimRight(s.text[start:s.pos], " \t\r"))
	}
	n.val = span{start, s.pos}
}

// more reports whether another item follows before the closing bracket, which
// it consumes.
func (s *scanner) more(closing byte) bool {
	s.skip(" \t\r\n,")
	switch s.peek() {
	case 0, ']', '}':
		s.take(string(closing))
		return false
	}
	return true
}

// quoted moves past a string of any of the four forms.
func (s *scanner) quoted() { s.pos += len(stringAt(s.text[s.pos:])) }

func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) take(what string) bool {
	s.skip(" \t")
	if !strings.HasPrefix(s.text[s.pos:], what) {
		return false
	}
	s.pos += len(what)
	return true
}

// skip moves past the given characters and, if a newline is among them, past
// comments too.
func (s *scanner) skip(set string) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case strings.IndexByte(set, c) >= 0:
			s.pos++
		case c == '#' && strings.Contains(set, "\n"):
			s.pos += len(upTo(s.text[s.pos:], "\n"))
		default:
			return
		}
	}
}

// maxDepth is how deep arrays, tables and dotted keys may nest. No task needs
// more than five; the decoder recurses and would use up the stack.
const maxDepth = 32

// tooDeep returns the offset of what nests deeper than that, or -1.
func tooDeep(text string) int {
	depth, dots := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			i += len(stringAt(text[i:])) - 1
		case '#':
			i += len(upTo(text[i:], "\n")) - 1
		case '[', '{':
			depth++
			dots = 0
		case ']', '}':
			depth--
			dots = 0
		case '.':
			dots++
		case '\n', '=', ',':
			dots = 0
		}
		if depth > maxDepth || dots > maxDepth {
			return i
		}
	}
	return -1
}

// stringAt returns the TOML string at the start of a text, with its quotes.
func stringAt(text string) string {
	q := text[:1]
	if long := strings.Repeat(q, 3); strings.HasPrefix(text, long) {
		for i := 3; i < len(text); i++ {
			switch {
			case text[i] == '\\' && q == `"`:
				i++
			case strings.HasPrefix(text[i:], long):
				i += 3
				for n := 0; n < 2 && strings.HasPrefix(text[i:], q); n++ { // the string may end in quotes of its own
					i++
				}
				return text[:i]
			}
		}
		return text
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\n':
			return text[:i]
		case text[i] == '\\' && q == `"` && i+1 < len(text) && text[i+1] != '\n':
			i++
		case text[i] == q[0]:
			return text[:i+1]
		}
	}
	return text
}

// unquote returns what a TOML string says, and at which offset of the literal
// its byte number n begins.
func unquote(lit string, n int) (value string, offset int) {
	q := lit[:1]
	long := len(lit) >= 6 && strings.HasPrefix(lit, strings.Repeat(q, 3))
	i, end := 1, len(lit)-1
	if long {
		i, end = 3, len(lit)-3
		if strings.HasPrefix(lit[i:end], "\r\n") {
			i += 2
		} else if strings.HasPrefix(lit[i:end], "\n") {
			i++
		}
	}
	offset = -1
	var b strings.Builder
	for i < end {
		at, escaped := i, lit[i] == '\\' && q == `"`
		if long && escaped { // a backslash at the end of a line swallows all blanks up to the next text
			rest := strings.TrimLeft(lit[i+1:end], " \t\r\n")
			if strings.Contains(lit[i:end-len(rest)], "\n") {
				i = end - len(rest)
				continue
			}
		}
		if escaped {
			var r rune
			r, i = escape(lit, i+1)
			b.WriteRune(r)
		} else {
			b.WriteByte(lit[i])
			i++
		}
		if offset < 0 && b.Len() > n {
			offset = at
		}
	}
	if offset < 0 {
		offset = max(end, 0)
	}
	return b.String(), offset
}

// escape reads an escape sequence behind its backslash.
func escape(lit string, i int) (rune, int) {
	if i >= len(lit) {
		return utf8.RuneError, i
	}
	c := lit[i]
	i++
	digits := 0
	switch c {
	case 'b':
		return '\b', i
	case 't':
		return '\t', i
	case 'n':
		return '\n', i
	case 'f':
		return '\f', i
	case 'r':
		return '\r', i
	case 'e':
		return 0x1b, i
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default: // a quote or a backslash
		return rune(c), i
	}
	end := min(i+digits, len(lit))
	n, err := strconv.ParseUint(lit[i:end], 16, 32)
	if err != nil {
		return utf8.RuneError, end
	}
	return rune(n), end
}

// upTo returns the start of a text before the first of the given characters.
func upTo(text, chars string) string {
	if i := strings.IndexAny(text, chars); i >= 0 {
		return text[:i]
	}
	return text
}

func bare(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
