package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

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

// unquote returns the value of a TOML string literal, and the offset in the literal
// of byte n of the value.
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
			r, i = readEscape(lit, i+1)
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

// readEscape reads an escape sequence after its backslash.
func readEscape(lit string, i int) (rune, int) {
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
