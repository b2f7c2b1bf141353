package config

import (
	"iter"
	"sync"
)

// Table documents a table of the file, for the manual page, the schema and
// "rota explain".
type Table struct {
	Name     string // as in a header, "tasks.NAME", or of one inside another "tasks.NAME.retry"
	Text     string // what it is for
	Sections []Section
	Required []string // keys that must be given
}

// Section is a group of keys of a table.
type Section struct {
	Title string // "": the table has no other section
	Keys  []Key
}

// Key documents one key.
type Key struct {
	Name     string
	Type     Type
	Default  string   // as written in a file; "": none, or Text describes it
	Text     string   // what it means
	Examples []string // values, as written in a file; at least one of each kind
}

// Keys walks the keys of all sections.
func (t Table) Keys() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for _, s := range t.Sections {
			for _, k := range s.Keys {
				if !yield(k) {
					return
				}
			}
		}
	}
}

// key is one key of a table that fills a T. Reading, defaults, documentation, schema,
// comparison and display are all made from this row.
type key[T any] struct {
	Key
	value[T]
	reach   reach           // of the keys of a task: which actions it has an effect on
	keyOnly bool            // of the keys of a task: its value is long or secret, so that a list of changes does not show it
	show    func(*T) string // of the keys of a task: its value for people; nil: the canonical form
	restart bool            // of the keys of [rota]: a change needs a restart
}

// row returns a key. Its default and its examples are written as in a file. Without
// a default, a missing key leaves its field unchanged, and text may describe the default.
func row[T any](name string, v value[T], fallback, text string, examples ...string) key[T] {
	return key[T]{Key: Key{name, v.Type, fallback, text, examples}, value: v}
}

func (k key[T]) only(r reach) key[T] {
	k.reach = r
	return k
}

func (k key[T]) hideValue() key[T] {
	k.keyOnly = true
	return k
}

func (k key[T]) shown(as func(*T) string) key[T] {
	k.show = as
	return k
}

func (k key[T]) atRestart() key[T] {
	k.restart = true
	k.Text += " A change needs a restart."
	return k
}

// table is a table whose keys fill a T.
type table[T any] struct {
	name     string // as in [Table]
	text     string
	keys     []key[T]
	required []string
	initial  T // the fields that no key sets

	once sync.Once
}

// zero returns the T of a table without any key: the defaults.
func (t *table[T]) zero() T {
	t.once.Do(func() { preset(t.keys, &t.initial) })
	return t.initial
}

// preset sets *to to the defaults of the keys.
func preset[T any](keys []key[T], to *T) {
	for _, k := range keys {
		if k.Default == "" {
			continue
		}
		said, fault, _ := decode(k.Name + " = " + k.Default)
		l := &loader{}
		if fault == nil {
			k.set(location{l: l, src: &source{}, path: []any{k.Name}}, said[k.Name], to)
		}
		if fault != nil || len(l.complaints) > 0 {
			panic("config: the default of " + k.Name + " is not valid: " + k.Default)
		}
	}
}

// read fills *to from the keys of a table in the file, which complaints call
// where. It returns false if the value is not a table.
func (t *table[T]) read(loc location, v any, where string, to *T) bool {
	return loc.table(v, func(loc location, name string, v any) {
		k := find(t.keys, name)
		if k == nil {
			loc.unknown(name, names(t.keys), where)
			return
		}
		k.set(loc, v, to)
	})
}

// doc returns the documentation of the table.
func (t *table[T]) doc() Table {
	return Table{Name: t.name, Text: t.text, Sections: []Section{{"", docs(t.keys)}}, Required: t.required}
}

func docs[T any](keys []key[T]) []Key {
	list := make([]Key, len(keys))
	for i, k := range keys {
		list[i] = k.Key
	}
	return list
}

// find returns the key with the name; nil if none has it.
func find[T any](keys []key[T], name string) *key[T] {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	return nil
}

func names[T any](keys []key[T]) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.Name
	}
	return list
}

// partOf returns keys that fill a part of a U as they fill a T.
func partOf[T, U any](keys []key[T], part func(*U) *T) []key[U] {
	list := make([]key[U], len(keys))
	for i, k := range keys {
		v := value[U]{
			Type: k.value.Type,
			set:  func(loc location, v any, to *U) { k.set(loc, v, part(to)) },
			get:  func(from *U) any { return k.get(part(from)) },
		}
		list[i] = key[U]{Key: k.Key, value: v}
	}
	return list
}
