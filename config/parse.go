package config

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rota/schedule"
)

// The methods of location in this file read one value of a kind. They write it to
// *to and return true, or add a complaint, leave *to unchanged and return false.

// kind names the kind of a decoded value.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "a number"
	case float64:
		return "a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// mismatch complains that a value is of the wrong kind. A number where a text
// belongs mostly lacks its quotes.
func (loc location) mismatch(v any, want, example string) bool {
	hint := ""
	if example != "" {
		hint = "write " + example
	}
	loc.valueError(hint, "%s must be %s, not %s", loc.name(), want, kind(v))
	return false
}

// quoted returns a number, or true or false, as a quoted string; "" for any other
// value.
func quoted(v any) string {
	switch v.(type) {
	case int64, float64, bool:
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return ""
}

// text reads any text.
func (loc location) text(v any, to *string) bool {
	t, ok := v.(string)
	if !ok {
		return loc.mismatch(v, "a string", quoted(v))
	}
	if i := strings.IndexByte(t, 0); i >= 0 {
		loc.l.add(complaint{location: loc, part: span{i, i + 1}, Fault: Fault{Msg: loc.name() + " cannot contain a NUL character"}})
		return false
	}
	*to = strings.Clone(t) // else all of the text would stay in memory
	return true
}

// filled reads a text that is not empty.
func (loc location) filled(v any, to *string) bool {
	t := ""
	if !loc.text(v, &t) {
		return false
	}
	if t == "" {
		loc.valueError("remove it, or give it a value", "%s is empty", loc.name())
		return false
	}
	*to = t
	return true
}

// oneOf reads one of several words.
func (loc location) oneOf(v any, to *string, words ...string) bool {
	t := ""
	list := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	if _, ok := v.(string); !ok {
		return loc.mismatch(v, "one of "+list, "")
	}
	if !loc.text(v, &t) {
		return false
	}
	if !slices.Contains(words, t) {
		hint := didYouMean(t, words)
		if hint == "" {
			hint = "write one of " + list
		}
		loc.valueError(hint, "%s cannot be %q", loc.name(), t)
		return false
	}
	*to = t
	return true
}

// number reads a whole number within bounds.
func (loc location) number(v any, least, most int, to *int) bool {
	n, ok := v.(int64)
	if !ok {
		example := ""
		if t, isText := v.(string); isText {
			if n, err := strconv.Atoi(t); err == nil {
				example = fmt.Sprintf("%d without quotes", n)
			}
		}
		return loc.mismatch(v, "a whole number", example)
	}
	if n < int64(least) || n > int64(most) {
		bounds := fmt.Sprintf("from %d to %d", least, most)
		if most == math.MaxInt {
			bounds = fmt.Sprintf("%d or more", least)
		}
		loc.valueError("", "%s is %d, but must be %s", loc.name(), n, bounds)
		return false
	}
	*to = int(n)
	return true
}

// boolean reads true or false.
func (loc location) boolean(v any, to *bool) bool {
	b, ok := v.(bool)
	if !ok {
		example := ""
		if v == "true" || v == "false" {
			example = v.(string) + " without quotes"
		}
		return loc.mismatch(v, "true or false", example)
	}
	*to = b
	return true
}

// duration reads a length of time, zero or longer.
func (loc location) duration(v any, to *time.Duration) bool {
	t, ok := v.(string)
	if !ok {
		example := `"90s", "15m", "1h30m" or "2d"`
		if n, isNumber := v.(int64); isNumber {
			example = fmt.Sprintf(`"%ds" or "%dm"`, n, n)
		}
		return loc.mismatch(v, "a duration", example)
	}
	d, err := schedule.Duration(t)
	if err != nil {
		loc.scheduleError(err)
		return false
	}
	if d < 0 {
		loc.valueError("", "%s cannot be negative", loc.name())
		return false
	}
	*to = d
	return true
}

// secondOrMore reads a duration of at least a second.
func (loc location) secondOrMore(v any, to *time.Duration) bool {
	d := time.Duration(0)
	if !loc.duration(v, &d) {
		return false
	}
	if d < time.Second {
		loc.valueError("", "%s must be 1s or more", loc.name())
		return false
	}
	*to = d
	return true
}

// scheduleError adds the error of package schedule about a text as a complaint.
func (loc location) scheduleError(err error) {
	c := complaint{location: loc, Fault: Fault{Msg: err.Error()}}
	if f := (schedule.Fault{}); errors.As(err, &f) {
		c.Msg, c.Hint, c.part = f.Msg, f.Hint, span{f.Start, f.End}
	}
	loc.l.add(c)
}

var units = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// size reads a number of bytes.
func (loc location) size(v any, to *int64) bool {
	t, ok := v.(string)
	if !ok {
		example := `"512KiB", "1MiB" or "2GiB"`
		if n, isNumber := v.(int64); isNumber && n >= 0 {
			example = fmt.Sprintf("%q", formatSize(n))
		}
		return loc.mismatch(v, "a size", example)
	}
	digits := len(t) - len(strings.TrimLeft(t, "0123456789"))
	n, err := strconv.ParseInt(t[:digits], 10, 64)
	unit, known := units[t[digits:]]
	switch {
	case digits == 0 || errors.Is(err, strconv.ErrSyntax):
		loc.valueError(`write a number and a unit, such as "1MiB"`, "%q is not a size", t)
	case !known:
		loc.l.add(complaint{location: loc, part: span{digits, len(t)}, Fault: Fault{
			Msg:  fmt.Sprintf("unknown unit %q of a size", t[digits:]),
			Hint: "units are B, KiB, MiB, GiB and TiB",
		}})
	case err != nil || n > math.MaxInt64/unit:
		loc.valueError("", "%s is too large", loc.name())
	default:
		*to = n * unit
		return true
	}
	return false
}

// octal reads permissions, which are a text: a TOML number cannot begin with a
// zero, and 644 would be something else.
func (loc location) octal(v any, to *uint32) bool {
	t, ok := v.(string)
	if !ok {
		example := `"0644"`
		if loc.name() == "umask" {
			example = `"0022"`
		}
		return loc.mismatch(v, "permissions in quotes", example)
	}
	n, err := strconv.ParseUint(t, 8, 32)
	if err != nil || n > 0o777 || len(t) < 3 {
		loc.valueError(`write three or four digits from 0 to 7, such as "0644"`, "%q is not a file mode", t)
		return false
	}
	*to = uint32(n)
	return true
}

// filePath reads the path of a file or directory; a relative one starts at the directory
// of the file that it stands in.
func (loc location) filePath(v any, to *string) bool {
	t := ""
	if !loc.filled(v, &t) {
		return false
	}
	loc.literalPath(t, 0)
	*to = loc.src.abs(t)
	return true
}

// abs makes a path absolute. It keeps a slash at the end, which means a directory.
func (src *source) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	abs := filepath.Join(src.dir, path)
	if strings.HasSuffix(path, "/") {
		abs += "/"
	}
	return abs
}
