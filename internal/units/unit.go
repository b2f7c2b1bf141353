package units

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// mostUnit is the largest size of a unit file, and mostUnits how many are listed.
const (
	mostUnit  = 1 << 20
	mostUnits = 1000
)

// System are the directories of the units of a machine, the first one first, as
// paths of a file system.
var System = []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// User are the directories of the units of all users; those of one user come first.
var User = []string{"etc/systemd/user", "run/systemd/user", "usr/local/lib/systemd/user", "usr/lib/systemd/user"}

// Unit is a unit with its drop-ins.
type Unit struct {
	Name    string
	options []*unit.UnitOption
}

// ErrMasked is the error for a masked unit.
var ErrMasked = errors.New("it is masked")

// Load reads a unit. The error is fs.ErrNotExist if the unit does not exist.
func Load(fsys fs.FS, dirs []string, name string) (*Unit, error) {
	if strings.ContainsAny(name, "/\x00\n") || !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is not a unit name", name)
	}
	u := &Unit{Name: name}
	files := []string{name}
	kind := path.Ext(name)
	if prefix, _, found := strings.Cut(strings.TrimSuffix(name, kind), "@"); found {
		files = append(files, prefix+"@"+kind)
	}
	found := false
	for _, file := range files {
		for _, dir := range dirs {
			text, err := read(fsys, path.Join(dir, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if len(bytes.TrimSpace(text)) == 0 {
				return nil, ErrMasked
			}
			if err := u.add(text, path.Join(dir, file)); err != nil {
				return nil, err
			}
			found = true
			break
		}
		if found {
			break
		}
	}
	if !found {
		return nil, fs.ErrNotExist
	}
	dropIns := map[string]string{} // by name; the first directory has precedence
	for _, file := range append(files, strings.TrimPrefix(kind, ".")) {
		for _, dir := range dirs {
			paths, _ := fs.Glob(fsys, escapeGlob.Replace(path.Join(dir, file+".d"))+"/*.conf")
			for _, p := range paths {
				if base := path.Base(p); dropIns[base] == "" {
					dropIns[base] = p
				}
			}
		}
	}
	var bases []string
	for base := range dropIns {
		bases = append(bases, base)
	}
	slices.Sort(bases)
	for _, base := range bases {
		text, err := read(fsys, dropIns[base])
		if err == nil {
			err = u.add(text, dropIns[base])
		}
		if err != nil {
			return nil, err
		}
	}
	return u, nil
}

var escapeGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

func (u *Unit) add(text []byte, name string) error {
	options, err := unit.DeserializeOptions(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	u.options = append(u.options, options...)
	return nil
}

func read(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil // a link to /dev/null masks it
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostUnit+1))
	if len(text) > mostUnit {
		err = fmt.Errorf("/%s is larger than %d MiB", name, mostUnit>>20)
	}
	return text, err
}

// All returns the values of a key, in order; an empty one removes those before it.
func (u *Unit) All(section, key string) (values []string) {
	for _, o := range u.options {
		if o.Section != section || o.Name != key {
			continue
		}
		if o.Value == "" {
			values = nil
		} else {
			values = append(values, u.expand(o.Value))
		}
	}
	return values
}

// Get returns the last value of a key; "" if it has none.
func (u *Unit) Get(section, key string) string {
	if values := u.All(section, key); len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// Keys returns the names of the keys of a section, each once.
func (u *Unit) Keys(section string) (keys []string) {
	for _, o := range u.options {
		if o.Section == section && o.Value != "" && !slices.Contains(keys, o.Name) {
			keys = append(keys, o.Name)
		}
	}
	return keys
}

// expand replaces the specifiers that depend only on the name. Others are kept, and
// [Specifier] finds them.
func (u *Unit) expand(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	stem := strings.TrimSuffix(u.Name, path.Ext(u.Name))
	prefix, instance, _ := strings.Cut(stem, "@")
	return strings.NewReplacer("%%", "%%", "%n", u.Name, "%N", stem, "%p", prefix, "%P", unit.UnitNameUnescape(prefix), "%i", instance, "%I", unit.UnitNameUnescape(instance)).Replace(value)
}

// Specifier returns the first specifier that is left in a value, and the value
// without escaped percent signs.
func Specifier(value string) (plain, specifier string) {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '%' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		if value[i+1] != '%' && specifier == "" {
			specifier = value[i : i+2]
		}
		i++
		b.WriteByte('%')
	}
	return b.String(), specifier
}

// Timers lists the names of the timers in the directories, and those that another unit
// wants.
func Timers(fsys fs.FS, dirs []string) (all, enabled []string) {
	there, wanted := map[string]bool{}, map[string]bool{}
	for _, dir := range dirs {
		entries, _ := fs.ReadDir(fsys, dir)
		for _, e := range entries {
			switch name := e.Name(); {
			case path.Ext(name) == ".timer" && len(there) < mostUnits:
				there[name] = true
			case path.Ext(name) == ".wants" || path.Ext(name) == ".requires":
				links, _ := fs.ReadDir(fsys, path.Join(dir, name))
				for _, l := range links {
					if path.Ext(l.Name()) == ".timer" && len(wanted) < mostUnits {
						wanted[l.Name()], there[l.Name()] = true, true
					}
				}
			}
		}
	}
	for name := range there {
		all = append(all, name)
	}
	for name := range wanted {
		enabled = append(enabled, name)
	}
	slices.Sort(all)
	slices.Sort(enabled)
	return all, enabled
}

// EnabledIn reports whether a link in dir, which belongs to the administrator, enables a
// timer.
func EnabledIn(fsys fs.FS, dir, name string) bool {
	entries, _ := fs.ReadDir(fsys, dir)
	for _, e := range entries {
		if ext := path.Ext(e.Name()); ext == ".wants" || ext == ".requires" {
			links, _ := fs.ReadDir(fsys, path.Join(dir, e.Name()))
			if slices.ContainsFunc(links, func(l fs.DirEntry) bool { return l.Name() == name }) {
				return true
			}
		}
	}
	return false
}
