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
	if !strings.Contains(text, key) {
		return ""
	}
	if all, fault, _ := decode(rotaTable(text)); fault == nil {
		rota, _ := all["rota"].(map[string]any)
		if said, _ := rota[key].(string); said != "" {
			return said
		}
	}
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

// rotaTable returns the part of a text that is its table [rota], as far as that
// is sure without reading all of it, which takes long if there are many tasks;
// else "".
func rotaTable(text string) string {
	const head = "[rota]"
	from := 0
	if !strings.HasPrefix(text, head) {
		if from = strings.Index(text, "\n"+head) + 1; from == 0 {
			return ""
		}
	}
	if before := text[:from]; strings.Contains(before, `"""`) || strings.Contains(before, "'''") {
		return "" // it may be what a string says
	}
	text = text[from:]
	if end := strings.Index(text, "\n["); end >= 0 {
		text = text[:end]
	}
	return text
}
