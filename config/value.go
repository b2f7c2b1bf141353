package config

import (
	"time"

	"rota/schedule"
)

// value defines how the value of a key is documented, read into a T and compared.
type value[T any] struct {
	Type
	set func(loc location, v any, to *T)
	get func(from *T) any // returns the canonical form, of a kind that encoding/json can write; nil: it is not compared
}

// The functions in this file return the values of keys. Each value is read into the
// field of a T that the function of returns.

// canonical returns the value with another canonical form.
func (v value[T]) canonical(get func(from *T) any) value[T] {
	v.get = get
	return v
}

// read returns the value with another reader.
func (v value[T]) read(set func(loc location, v any, to *T)) value[T] {
	v.set = set
	return v
}

// custom returns a value with a reader of its own.
func custom[T, F any](t Type, of func(*T) *F, set func(loc location, v any, to *T)) value[T] {
	return value[T]{t, set, func(from *T) any { return *of(from) }}
}

// simple is a value that a method of location reads.
func simple[T, F any](t Type, of func(*T) *F, read func(loc location, v any, to *F) bool) value[T] {
	return custom(t, of, func(loc location, v any, to *T) { read(loc, v, of(to)) })
}

// anyText is a text, which may be empty.
func anyText[T any](of func(*T) *string) value[T] { return simple(textType, of, location.text) }

// someText is a text that is not empty.
func someText[T any](of func(*T) *string) value[T] { return simple(textType, of, location.filled) }

// textList is a text or a list of texts, none of them empty.
func textList[T any](of func(*T) *[]string) value[T] {
	return simple(orList(textType), of, location.texts)
}

// path is the path of a file or directory.
func path[T any](of func(*T) *string) value[T] { return simple(pathType, of, location.filePath) }

// boolean is true or false.
func boolean[T any](of func(*T) *bool) value[T] { return simple(booleanType, of, location.boolean) }

// permissions is a file mode.
func permissions[T any](of func(*T) *uint32) value[T] {
	return simple(permissionsType, of, location.octal)
}

// word is one of several words.
func word[T any, W ~string](of func(*T) *W, words ...W) value[T] {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return simple(wordType(list...), of, func(loc location, v any, to *W) bool {
		w := ""
		ok := loc.oneOf(v, &w, list...)
		if ok {
			*to = W(w)
		}
		return ok
	})
}

// number is a whole number within bounds.
func number[T any](least, most int, of func(*T) *int) value[T] {
	return simple(numberType(least, most), of, func(loc location, v any, to *int) bool { return loc.number(v, least, most, to) })
}

// duration is a length of time, zero or longer.
func duration[T any](of func(*T) *time.Duration) value[T] {
	return simple(durationType, of, location.duration).canonical(func(from *T) any { return schedule.FormatDuration(*of(from)) })
}

// bound is a length of time; zero is no limit.
func bound[T any](of func(*T) *time.Duration) value[T] {
	return duration(of).canonical(func(from *T) any {
		if d := *of(from); d != 0 {
			return schedule.FormatDuration(d)
		}
		return ""
	})
}

// size is a number of bytes.
func size[T any](of func(*T) *int64) value[T] {
	return simple(sizeType, of, location.size).canonical(func(from *T) any { return formatSize(*of(from)) })
}

// nested is a table; its keys that are not given leave their fields unchanged.
func nested[T, U any](below *table[U], where string, of func(*T) *U) value[T] {
	return custom(tableType(below.name), of, func(loc location, v any, to *T) { below.read(loc, v, where, of(to)) })
}
