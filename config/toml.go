package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

const byteOrderMark = "\ufeff"

// unixLines returns a text with the line ends of Unix, as shells and most other
// programs need them. found reports whether a string of several lines had others.
// Line ends written as escapes are kept.
func unixLines(text string) (unix string, found bool) {
	unix = strings.ReplaceAll(text, "\r\n", "\n")
	if len(unix) == len(text) || !strings.Contains(text, `"""`) && !strings.Contains(text, "'''") {
		return unix, false
	}
	before, _, _ := decode(text)
	after, _, _ := decode(unix)
	return unix, !reflect.DeepEqual(before, after)
}

// decode returns the content of a TOML text. If the text is not TOML, the fault says
// why, and where holds its bytes.
func decode(text string) (data map[string]any, fault *Fault, where span) {
	if f, at := textFault(text); f != nil {
		return nil, f, at
	}
	if i := tooDeep(text); i >= 0 {
		return nil, &Fault{Msg: fmt.Sprintf("nested deeper than %d levels", maxDepth)}, span{i, i + 1}
	}
	defer func() {
		if r := recover(); r != nil { // the decoder panics on input that it considers impossible
			fault = &Fault{Msg: "the file is not valid TOML"}
		}
	}()
	if _, err := toml.Decode(text, &data); err != nil {
		fault, where := syntaxFault(err), syntaxSpan(err, text)
		if lacksQuotes.MatchString(fault.Msg) {
			fault.Hint = cmp.Or(quoteHint(text, where), fault.Hint)
		}
		return nil, fault, where
	}
	return data, nil, span{}
}

// textFault returns why the bytes of a file are not text, and so not TOML.
func textFault(text string) (*Fault, span) {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return &Fault{Msg: "the file is UTF-16", Hint: "save it as UTF-8"}, span{}
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return &Fault{Msg: "NUL byte in the file", Hint: "text files have none; is it UTF-16, or a program?"}, span{i, i + 1}
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			return &Fault{Msg: fmt.Sprintf("byte 0x%02x is not UTF-8", text[i]), Hint: "save the file as UTF-8"}, span{i, i + 1}
		}
		i += n
	}
	return nil, span{}
}

// rewording replaces a message of the decoder by one of rota.
type rewording struct {
	of        *regexp.Regexp
	msg, hint string
}

var rewordings = []rewording{
	{regexp.MustCompile(`^Key '(.*)' (?:has already been defined|was already created as a hash|was already created and cannot be used as an array)\.?$`), `duplicate key $1`, "keep one of them, or give the other a new name"},
	{regexp.MustCompile(`^Invalid integer "(.*)": cannot have leading zeroes$`), `number $1 begins with a zero`, `write "$1" in quotes`},
	{regexp.MustCompile(`^(.*) is out of range for int64$`), `number $1 is too large`, ""},
	{regexp.MustCompile(`^invalid datetime: (".*")$`), `$1 is not a date or time`, `write 2026-12-24T18:00:00 or 09:00:00, or a string in quotes`},
	{regexp.MustCompile(`^expected value but found '\\n' instead$`), `no value after the =`, ""},
	{regexp.MustCompile(`^expected value but found (?:(".*")|'(.*)') instead$`), `a value cannot begin with $1$2`, "a string needs quotes"},
	{regexp.MustCompile(`^strings cannot contain newlines$`), `the string has no closing quote on its line`, `a string of several lines needs """`},
	{regexp.MustCompile(`^unexpected EOF; expected (?:'("|""")'|"('|''')")$`), `the string has no closing $1$2`, ""},
	{regexp.MustCompile(`^invalid escape in string '\\(.*)'$`), `unknown escape \$1 in a string`, `write \\$1, or put the string in single quotes`},
	{regexp.MustCompile(`^expected '\.' or '\]' to end table name, but got '\\n' instead$`), `the header of the table has no ]`, ""},
	{regexp.MustCompile(`^expected '\.' or '\]' to end table name, but got '\w' instead$`), `a table name has no blanks`, ""},
	{regexp.MustCompile(`^expected '\.' or '\]' to end table name, but got '(.*)' instead$`), `a table name with $1 needs quotes`, `write [tasks."a@b"]`},
	{regexp.MustCompile(`^expected '\.' or '=', but got .* instead$`), `no = after the key`, `write key = value; a name with other characters than A-Z a-z 0-9 _ - needs quotes`},
	{regexp.MustCompile(`^expected a comma \(','\) or array terminator \('\]'\), but got (.*)$`), `a comma or ] is missing before $1`, ""},
	{regexp.MustCompile(`^expected a comma or an inline table terminator '\}', but got (.*) instead$`), `a comma or } is missing before $1`, ""},
	{regexp.MustCompile(`^expected a top-level item to end with a newline, comment, or EOF, but got '.*' instead$`), `unexpected text after the value`, "write one key and its value on each line"},
	{regexp.MustCompile(`^TOML files cannot contain control characters: '(0x..)'$`), `control character $1`, `write it as an escape such as \u001b in double quotes`},
}

// syntaxFault returns the decoder's error, reworded.
func syntaxFault(err error) *Fault {
	pe := toml.ParseError{}
	if !errors.As(err, &pe) {
		return &Fault{Msg: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	for _, r := range rewordings {
		if r.of.MatchString(pe.Message) {
			return &Fault{Msg: r.of.ReplaceAllString(pe.Message, r.msg), Hint: r.of.ReplaceAllString(pe.Message, r.hint)}
		}
	}
	msg := strings.TrimSuffix(pe.Message, ".")
	if len(msg) > 1 && msg[1] >= 'a' {
		msg = strings.ToLower(msg[:1]) + msg[1:]
	}
	return &Fault{Msg: msg}
}

// syntaxSpan returns the bytes that the decoder's error is about. Its line and
// column are not used: the column counts bytes, and the two do not always
// agree.
func syntaxSpan(err error, text string) span {
	pe := toml.ParseError{}
	if !errors.As(err, &pe) {
		return span{}
	}
	at := span{max(0, min(pe.Position.Start, len(text))), 0}
	at.end = min(at.start+max(1, pe.Position.Len), len(text))
	if found := text[at.start:at.end]; strings.HasPrefix(pe.Message, "invalid escape") {
		at.start += max(0, strings.LastIndexByte(found, '\\'))
	} else if blanks := len(found) - len(strings.TrimLeft(found, " \t")); blanks < len(found) {
		at.start += blanks
	}
	return at
}

var (
	lacksQuotes   = regexp.MustCompile(`^(a value cannot begin with|unexpected text after the value|".*" is not a date or time|a table name (with|has))`)
	unquotedValue = regexp.MustCompile(`^\s*([A-Za-z0-9_-]+)\s*=\s*([^"'\[{#\s].*?)\s*(?:\s#.*)?$`)
	unquotedName  = regexp.MustCompile(`^\s*\[\s*([a-z]+)\.([^\]"'\[]+?)\s*\]`)
)

// quoteHint writes the line at fault with the quotes that it most likely lacks; ""
// if that is not clear.
func quoteHint(text string, where span) string {
	start := strings.LastIndexByte(text[:where.start], '\n') + 1
	line := strings.TrimSuffix(upTo(text[start:], "\n"), "\r")
	if m := unquotedName.FindStringSubmatch(line); m != nil {
		if name := similarName(m[2]); name != "" {
			return fmt.Sprintf("write [%s.%s]", m[1], tomlKey(name))
		}
	}
	m := unquotedValue.FindStringSubmatchIndex(line)
	if m == nil || where.start < start+m[4] {
		return ""
	}
	value := line[m[4]:m[5]]
	if strings.ContainsAny(value, `"\`) {
		return fmt.Sprintf("write %s = '%s'", line[m[2]:m[3]], value)
	}
	return fmt.Sprintf(`write %s = "%s"`, line[m[2]:m[3]], value)
}
