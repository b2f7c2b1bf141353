package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/config"
)

// keyJSON documents a key of the file.
type keyJSON struct {
	Key      string   `json:"key"`
	Type     string   `json:"type"`
	Means    string   `json:"means"`
	Default  string   `json:"default,omitempty"`
	Examples []string `json:"examples,omitempty"`
}

// explainKey prints the documentation of a key of the file, or of all keys of a table.
func (s *session) explainKey(c *cli.Context, name string) error {
	found, known := keysNamed(name)
	if found == nil {
		f := unknown(name, known, "the file has no key %q", name)
		if f.hint == "" {
			f.hint = "see them all: man jobs.toml"
		}
		return f
	}
	if c.Bool("json") {
		return s.json(s.out, map[string][]keyJSON{"keys": found})
	}
	for _, k := range found {
		lines := []string{k.Key + " = " + k.Type, "    " + k.Means}
		if k.Default != "" {
			lines = append(lines, "    default: "+k.Default)
		}
		if k.Examples != nil {
			lines = append(lines, "    such as: "+strings.Join(k.Examples, "  "))
		}
		if err := s.printLines(lines...); err != nil {
			return err
		}
	}
	return nil
}

// keysNamed returns the keys of a name such as "tasks.retry", which may have NAME
// in place of a name or not, those of a table, or a key alone in any table; and all names.
func keysNamed(name string) (found []keyJSON, known []string) {
	short := func(s string) string { return strings.ReplaceAll(s, ".NAME", "") }
	for _, t := range config.Tables() {
		for k := range t.Keys() {
			full := t.Name + "." + k.Name
			known = append(known, short(full), k.Name)
			if !slices.Contains([]string{full, short(full), t.Name, short(t.Name), k.Name}, name) {
				continue
			}
			kind := k.Type.Name
			if k.Type.Words != nil && k.Type.List == nil && !k.Type.Number {
				kind = fmt.Sprintf("%q", k.Type.Words)
				kind = strings.ReplaceAll(strings.Trim(kind, "[]"), `" "`, `" or "`)
			}
			found = append(found, keyJSON{full, kind, k.Text, k.Default, k.Examples})
		}
	}
	return found, known
}
