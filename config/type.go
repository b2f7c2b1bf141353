package config

import "math"

// Type describes the values that a key may have. A key may take several kinds.
type Type struct {
	Name     string // for people: "a duration"
	Text     bool
	Words    []string // the only texts; nil: any
	Pattern  string   // of its texts, a regular expression; "": any
	Number   bool
	Min, Max int  // of a number; 0 and 0: any
	Fraction bool // a number may be a fraction, too
	Truth    bool
	Time     bool   // a date, a time, or both
	List     *Type  // a list of these
	Table    string // a table, documented under this name
	Named    *Type  // a table of these, by names that the user chooses
	Names    string // the pattern of those names; "": any
}

// The types that many keys have.
var (
	textType        = Type{Name: "a string", Text: true}
	pathType        = Type{Name: "a path", Text: true}
	durationType    = Type{Name: "a duration", Text: true, Pattern: `^([0-9]+(\.[0-9]+)?(w|d|h|m|s|ms))+$`}
	sizeType        = Type{Name: "a size", Text: true, Pattern: `^[0-9]+(B|KiB|MiB|GiB|TiB)$`}
	booleanType     = Type{Name: "true or false", Truth: true}
	permissionsType = Type{Name: "permissions", Text: true, Pattern: `^0?[0-7]{3}$`}
	instantType     = Type{Name: "a date and time", Text: true, Time: true}
)

// noLimit is the largest number of a key that has no limit.
const noLimit = math.MaxInt

// numberType is a whole number within bounds.
func numberType(least, most int) Type {
	return Type{Name: "a whole number", Number: true, Min: least, Max: most}
}

// wordType is one of several words.
func wordType(words ...string) Type { return Type{Name: "a word", Text: true, Words: words} }

// listOf is a list, and nothing else.
func listOf(item Type) Type { return Type{Name: "a list", List: &item} }

// orList is a value or a list of such values.
func orList(item Type) Type {
	several := item
	several.Name += " or a list"
	several.List = &item
	return several
}

// tableType is a table that is documented under the name.
func tableType(name string) Type { return Type{Name: "a table", Table: name} }

// namedType is a table whose keys the user chooses.
func namedType(pattern string, value Type) Type {
	return Type{Name: "a table", Named: &value, Names: pattern}
}
