// Package config turns TOML text into validated tasks. Every fault of the text has
// a file, a line and a column, and all of them are reported at once. It runs
// nothing and decides nothing about time.
//
// [Load] decodes the main file into maps, reads its sections, then what it
// includes. Each section is a row of the list sections; its table is a list of
// keys; each key is one row with all that is known of it: name, type, default,
// documentation, examples, the function that reads it and its canonical form.
// The schema, the manual page, "rota explain KEY", "rota show", the defaults and
// [Diff] are made from these rows ([Tables]).
//
// A row reads a value at a location: a path of keys and indices in a source. If
// the value is wrong it adds a complaint for that location and continues. Only when
// there are complaints does a scanner find the bytes of each location, for line,
// column and caret.
//
// Rules that span several keys or tables are checked after they are read: whether
// the keys of a task have an effect on its action, whether the queues, notifications
// and tasks that keys name exist, whether hooks form a cycle.
//
// Tasks share the values that are the same in them ([Tasks]). Nothing that a Task leads to may
// be changed once it is read.
//
// To add a key, add a row to the list of its group (keys_*.go). To add an action,
// add a file action_*.go with its rows and name it in actions. To add a key of
// triggers, add a row to triggerKeys; package schedule reads it. A test fails if
// schedule or runner know a trigger key or an action that is missing here.
package config
