package units

import (
	"errors"
	"strings"
)

// Exec is a command line of a service.
type Exec struct {
	Words   []Word
	Ignored bool // "-": its failure is ignored
	Full    bool // "+": with the rights of systemd, whatever User= is
}

// Word is an argument.
type Word struct {
	Text string
	Vars bool // "$" begins a variable
}

var errQuote = errors.New("a quote is not closed")

// ParseExec reads a command line.
func ParseExec(text string) (*Exec, error) {
	e := &Exec{}
	literal, named := false, false
	text = strings.TrimSpace(text)
	for text != "" {
		switch text[0] {
		case '-':
			e.Ignored = true
		case '@':
			named = true
		case ':':
			literal = true
		case '+', '!':
			e.Full = e.Full || text[0] == '+'
		default:
			goto words
		}
		text = text[1:]
	}
words:
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	for _, w := range words {
		e.Words = append(e.Words, Word{w, !literal && strings.Contains(w, "$")})
	}
	if named && len(e.Words) > 1 { // the second word is the name that the program sees
		e.Words = append(e.Words[:1], e.Words[2:]...)
	}
	if len(e.Words) == 0 {
		return nil, errors.New("a command is missing")
	}
	return e, nil
}

// Assignments reads the value of Environment=: several assignments, with quotes.
func Assignments(text string) ([]string, error) { return split(text) }

// split reads words with quotes and the escapes of C.
func split(text string) (words []string, err error) {
	var b strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			in = true
			i += escape(&b, text[i:]) - 1
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			in, quote = true, c
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				words = append(words, b.String())
				b.Reset()
			}
			in = false
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, errQuote
	}
	if in {
		words = append(words, b.String())
	}
	return words, nil
}

// escape writes the character of an escape sequence, and returns the length of the
// sequence without the backslash.
func escape(b *strings.Builder, text string) int {
	plain := map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'n': '\n', 'r': '\r', 't': '\t', 'v': 11, 's': ' ', '\\': '\\', '"': '"', '\'': '\''}
	if c, known := plain[text[0]]; known {
		b.WriteByte(c)
		return 1
	}
	if text[0] == 'x' && len(text) >= 3 {
		const digits = "0123456789abcdef"
		high, low := strings.IndexByte(digits, text[1]|0x20), strings.IndexByte(digits, text[2]|0x20)
		if high >= 0 && low >= 0 {
			b.WriteByte(byte(high<<4 | low))
			return 3
		}
	}
	b.WriteByte('\\')
	b.WriteByte(text[0])
	return 1
}
