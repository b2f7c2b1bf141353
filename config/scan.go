package config

import (
	"strings"
)

// The decoder returns the values of a TOML text, but not all positions: it gives one
// position for a dotted key and none for the items of an array. The scanner finds
// them. It reads only texts that the decoder has accepted, so it checks nothing, and
// it runs only when there are complaints.

// span is a stretch of text, in bytes.
type span struct{ start, end int }

// node is a key of the text or an item of an array, with the positions of key and value.
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

// scan returns the positions of all keys and values of a text.
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
			n.key = key // where the key is defined, rather than where it is first a part of another
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

// tooDeep returns the offset of the first byte that nests deeper than maxDepth, or -1.
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
