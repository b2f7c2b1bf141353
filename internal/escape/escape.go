// Package escape makes untrusted text safe to display. The text of a task, a user, a file
// or a server can contain characters that control a terminal, change the direction of
// writing, or are invisible; the package replaces them by visible escapes such as \x1b, \n
// and \u202e.
//
// All other text is unchanged, in any script: letters that run from right to left,
// combining marks, and emoji. U+200C and U+200D, which Persian, the languages of India and
// emoji need between two characters, are kept between two that are not ASCII. Bytes that
// are not UTF-8 become U+FFFD.
//
// Escaping an escaped text does not change it.
package escape

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns a text on one line.
func Line(s string) string { return escaped(s, "", appendGo) }

// Lines returns a text of several lines; it keeps newlines and tabs.
func Lines(s string) string { return escaped(s, "\n\t", appendGo) }

// Name returns the name of a file, or the like, on one line: unchanged if it needs no
// escapes, else quoted, so that two names never look the same.
func Name(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` || Line(s) != s {
		return Line(quoted)
	}
	return s
}

// Short returns a text as part of a sentence: on one line, with one blank for
// any white space, and of at most max bytes.
func Short(s string, max int) string {
	s = Cut(s, 8*max) // so that a long text costs no more than a short one
	return Cut(Line(strings.Join(strings.Fields(s), " ")), max)
}

// Cut returns a text of at most max bytes, at least 3, with an ellipsis at the
// end if it was longer. It escapes nothing.
func Cut(s string, max int) string {
	const mark = "…"
	if len(s) <= max {
		return s
	}
	s = s[:max-len(mark)]
	for i := 0; i < utf8.UTFMax && len(s) > 0; i++ { // it may end within a character
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + mark
}

// JSON returns a JSON text with the same values. JSON itself escapes ASCII in strings;
// newlines between values are kept.
func JSON(text []byte) []byte {
	s := string(text)
	if safe := escaped(s, "\n\t\r", appendJSON); safe != s {
		return []byte(safe)
	}
	return text
}

// Safe reports whether Line would not change a text.
func Safe(s string) bool { return Line(s) == s }

// escaped replaces each character that must not be displayed, except those of stay.
func escaped(s, stay string, appendEscape func([]byte, rune) []byte) string {
	var out []byte // nil as long as the result is s
	before := rune(-1)
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		shown := shows(r) || r < utf8.RuneSelf && strings.ContainsRune(stay, r) ||
			joins(r) && beyondASCII(before) && beyondASCII(first(s[i+size:]))
		if out == nil && !(shown && (r != utf8.RuneError || size > 1)) {
			out = append(make([]byte, 0, len(s)+16), s[:i]...)
		}
		switch {
		case out == nil:
		case shown:
			out = utf8.AppendRune(out, r)
		default:
			out = appendEscape(out, r)
		}
		before = r
	}
	if out == nil {
		return s
	}
	return string(out)
}

// shows reports whether a character is visible or a blank.
func shows(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	return (unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Prepended_Concatenation_Mark, r)) &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// joins reports whether a character is ZERO WIDTH NON-JOINER or JOINER.
func joins(r rune) bool { return r == '\u200c' || r == '\u200d' }

func beyondASCII(r rune) bool { return r >= utf8.RuneSelf && r != utf8.RuneError && shows(r) }

// first returns the first character of a text; -1 if the text is empty.
func first(s string) rune {
	for _, r := range s {
		return r
	}
	return -1
}

func appendGo(b []byte, r rune) []byte {
	quoted := strconv.QuoteRuneToASCII(r)
	return append(b, quoted[1:len(quoted)-1]...)
}

func appendJSON(b []byte, r rune) []byte {
	for _, unit := range utf16.Encode([]rune{r}) {
		b = fmt.Appendf(b, "\\u%04x", unit)
	}
	return b
}
