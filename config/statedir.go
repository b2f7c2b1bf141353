package config

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// StateDirOf returns the state_dir that a file names, absolute, also if the file
// is wrong; "" if it names none that can be made out. It looks neither at what
// is included nor at who may change the file.
func StateDirOf(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	data, err := readRegular(path, func(fs.FileInfo) error { return nil })
	if err != nil {
		return ""
	}
	dir := stateDirIn(strings.TrimPrefix(string(data), byteOrderMark))
	if dir == "" {
		return ""
	}
	return (&source{dir: filepath.Dir(path)}).abs(dir)
}

// stateDirIn returns what a text says state_dir is: in [rota], or if it is no
// TOML, on the first line that can be read by itself.
func stateDirIn(text string) string {
	if said, fault, _ := decode(text); fault == nil {
		rota, _ := said["rota"].(map[string]any)
		dir, _ := rota["state_dir"].(string)
		return dir
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "state_dir") {
			continue
		}
		said, _, _ := decode(line)
		if rota, ok := said["rota"].(map[string]any); ok {
			said = rota
		}
		if dir, _ := said["state_dir"].(string); dir != "" {
			return dir
		}
	}
	return ""
}
