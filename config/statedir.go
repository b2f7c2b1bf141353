package config

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// StateDirOf returns the state_dir that a file names, absolute, also if the file
// is wrong; "" if it names none that can be made out. It looks neither at what
// is included nor at who may change the file.
func StateDirOf(path string) string { return pathIn(path, "state_dir") }

// SocketOf returns in the same way the socket that a file names.
func SocketOf(path string) string { return pathIn(path, "socket") }

// pathIn returns the path that a key of [rota] has in a file, wrong or not.
func pathIn(path, key string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	data, err := readRegular(path, func(fs.FileInfo) error { return nil })
	if err != nil {
		return ""
	}
	said := saidIn(strings.TrimPrefix(string(data), byteOrderMark), key)
	if said == "" {
		return ""
	}
	return (&source{dir: filepath.Dir(path)}).abs(said)
}

// saidIn returns what a text says a key of [rota] is: there, or if it is no
// TOML, on the first line that can be read by itself.
func saidIn(text, key string) string {
	if all, fault, _ := decode(text); fault == nil {
		rota, _ := all["rota"].(map[string]any)
		said, _ := rota[key].(string)
		return said
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, key) {
			continue
		}
		all, _, _ := decode(line)
		if rota, ok := all["rota"].(map[string]any); ok {
			all = rota
		}
		if said, _ := all[key].(string); said != "" {
			return said
		}
	}
	return ""
}
