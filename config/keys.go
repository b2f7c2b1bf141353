package config

import (
	"fmt"
	"iter"
	"math"
	"strings"
)

// Table documents a table of the file. The schema for editors and the manual
// page are made from these; a test holds them against what is read.
type Table struct {
	Name   string // as in a header, "tasks.NAME", or of one inside another "tasks.NAME.retry"
	Text   string // what it is for
	Parts  []Part
	Needs  []string // keys that it has to have
	Around string   // a file with the table, and %s where keys of it may stand, each on a line, or if the table is in braces each behind a comma
}

// Part is some keys of a table that belong together.
type Part struct {
	Title string // "": the table has no other part
	Keys  []Key
}

// Key documents one key.
type Key struct {
	Name     string
	Type     Type
	Default  string   // as it would be written; "": there is none, or Text says
	Text     string   // what it means
	Examples []string // values, as they would be written; one at least of each kind
	With     string   // what else has to stand beside it, in the same table; "": nothing
}

// Type is what a key may be. A key may be of several kinds.
type Type struct {
	Name     string // for people: "a duration"
	Text     bool
	Words    []string // the only texts; nil: any
	Pattern  string   // of its texts, a regular expression; "": any
	Number   bool
	Min, Max int  // of a number; 0 and 0: any
	Fraction bool // it may be a fraction, too
	Truth    bool
	Time     bool   // a date, a time, or both
	List     *Type  // it may be a list, of these
	Table    string // it may be a table, of this name
	Named    *Type  // it may be a table of these, by names of one's own
	Names    string // the pattern of those names; "": any
}

// Tables documents all tables, the outer ones first in the order of the
// manual.
func Tables() []Table {
	return append(append(fileTables(), taskTables()...), actionTables()...)
}

// All walks the keys of all parts.
func (t Table) All() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for _, p := range t.Parts {
			for _, k := range p.Keys {
				if !yield(k) {
					return
				}
			}
		}
	}
}

// keysOf is the one part of a table.
func keysOf(keys ...Key) []Part { return []Part{{"", keys}} }

// The types that many keys have.
var (
	anyText  = Type{Name: "a text", Text: true}
	pathType = Type{Name: "a path", Text: true}
	lengthOf = Type{Name: "a duration", Text: true, Pattern: `^([0-9]+(w|d|h|m|s))+$`}
	sizeType = Type{Name: "a size", Text: true, Pattern: `^[0-9]+(B|KiB|MiB|GiB|TiB)$`}
	truth    = Type{Name: "true or false", Truth: true}
	rights   = Type{Name: "permissions", Text: true, Pattern: `^0?[0-7]{3}$`}
	instant  = Type{Name: "a date and time", Text: true, Time: true}
)

// number is a whole number within bounds.
func number(least, most int) Type {
	return Type{Name: "a whole number", Number: true, Min: least, Max: most}
}

// count is a whole number that has no end.
func count(least int) Type { return number(least, math.MaxInt) }

// word is one of several texts.
func word(words ...string) Type { return Type{Name: "a word", Text: true, Words: words} }

// listOf is a list, and nothing else.
func listOf(item Type) Type { return Type{Name: "a list", List: &item} }

// orList is one of them or a list.
func orList(item Type) Type {
	several := item
	several.Name += " or a list"
	several.List = &item
	return several
}

// table is a table that is documented under a name.
func table(name string) Type { return Type{Name: "a table", Table: name} }

// named is a table whose names are the user's.
func named(pattern string, value Type) Type {
	return Type{Name: "a table", Named: &value, Names: pattern}
}

// File is a whole file in which the key has a value.
func (t Table) File(k Key, value string) string {
	with, sep := k.With, "\n"
	if strings.Contains(t.Around, "{ %s }") {
		sep = ", "
	}
	if with != "" {
		with += sep
	}
	return fmt.Sprintf(t.Around, with+k.Name+" = "+value)
}
