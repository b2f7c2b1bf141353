package crontab

import "strings"

// assignment reads NAME=VALUE, either in quotes.
func (r *reader) assignment(text string) (name, value string, ok bool) {
	rest := strings.TrimLeft(text, " \t")
	name, rest, quoted, ok := quotedWord(rest, true)
	if !ok {
		return "", "", false
	}
	if !quoted {
		// The name ends at a blank or "=".
		end := strings.IndexFunc(rest, func(c rune) bool { return c == '=' || isSpace(c) })
		if end < 0 {
			return "", "", false
		}
		name, rest = rest[:end], rest[end:]
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	rest, found := strings.CutPrefix(rest, "=")
	if !found {
		return "", "", false
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	if rest == "" {
		return "", "", false
	}
	value, rest, quoted, ok = quotedWord(rest, false)
	switch {
	case !ok || quoted && strings.TrimLeftFunc(rest, isSpace) != "":
		return "", "", false
	case !quoted:
		value = strings.TrimRightFunc(rest, isSpace)
	}
	if r.o.Dialect == Debian {
		// The crons trim blanks at the end even of a quoted value, and then
		// remove quotes once more.
		value = strings.TrimRightFunc(value, isSpace)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
	}
	return name, value, true
}

// quotedWord reads a word in quotes. quoted is false if the text has no quotes, and ok is
// false if they are not closed.
func quotedWord(text string, name bool) (word, rest string, quoted, ok bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		return "", text, false, text != ""
	}
	end := strings.IndexByte(text[1:], text[0])
	if end < 0 || name && strings.Contains(text[1:1+end], "=") {
		return "", "", true, false
	}
	return text[1 : 1+end], text[2+end:], true, true
}

// emptyAssignment reads "NAME=", which only cronie accepts.
func emptyAssignment(text string) (name string, ok bool) {
	name, rest, found := strings.Cut(strings.TrimLeft(text, " \t"), "=")
	name = strings.TrimRightFunc(name, isSpace)
	return name, found && strings.TrimFunc(rest, isSpace) == "" && name != "" && !strings.ContainsFunc(name, func(c rune) bool { return isSpace(c) || c == '*' || c == '"' || c == '\'' })
}

func isSpace(c rune) bool { return strings.ContainsRune(" \t\n\v\f\r", c) }
