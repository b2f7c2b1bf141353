package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rota/internal/trust"
)

// DefaultStateDir returns where the daemon keeps what it must remember if no file
// says where: in $ROTA_STATE_DIR, in /var/lib/rota for root, for others in $XDG_STATE_HOME/rota or
// ~/.local/state/rota, and for who has no home in [SharedStateDir].
func DefaultStateDir() string {
	// A run finds there that of the daemon whose run it is, which is not for another
	// one that it starts.
	if dir := os.Getenv("ROTA_STATE_DIR"); dir != "" && os.Getenv("ROTA_RUN") == "" {
		if dir, err := filepath.Abs(dir); err == nil {
			return dir
		}
	}
	if os.Getuid() == 0 {
		return "/var/lib/rota"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rota")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "rota")
	}
	return SharedStateDir()
}

// SharedStateDir returns the state directory of a user who has no home. Anybody
// may make that directory first.
func SharedStateDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("rota-%d", os.Getuid()))
}

// checkStateDir warns if the state goes where the user may not expect it.
func (l *loader) checkStateDir(file *source) {
	dir := DefaultStateDir()
	if l.config.Rota.StateDir != "" || dir != SharedStateDir() {
		return
	}
	l.add(complaint{whole: true, location: location{l: l, src: file}, Fault: Fault{
		Msg:     "neither HOME nor XDG_STATE_HOME is set: the state directory is " + dir,
		Hint:    "set state_dir in [rota]: what is in " + os.TempDir() + " may be deleted at any time",
		Warning: true,
	}})
}

// outputDirs are the directories below the state directory that rota makes. What
// is there was chosen by tasks, and by who asks for runs.
var outputDirs = []string{"last-good", "live", "logs", "runs", "tasks"}

// outputs returns the directories of task output on this machine, without symbolic
// links, for a file that names a state directory.
func (l *loader) outputs() []string {
	var dirs []string
	for _, state := range []string{l.config.Rota.StateDir, l.o.StateDir, DefaultStateDir()} {
		if state == "" {
			continue
		}
		for _, name := range outputDirs {
			dir := filepath.Join(state, name)
			real, err := within(l.o.Limit, dir, l.o.until, func() (string, error) { return filepath.EvalSymlinks(dir) })
			if err != nil {
				real = dir // it does not exist, as long as nobody makes it
			}
			dirs = append(dirs, real)
		}
	}
	return dirs
}

// isOutput returns a fault if a file is one that rota made for a task: whoever owns
// it, what it says is up to others.
func (l *loader) isOutput(real string) *Fault {
	if real == "" {
		return nil
	}
	if l.outputDirs == nil {
		l.outputDirs = l.outputs()
	}
	for _, dir := range l.outputDirs {
		if strings.HasPrefix(real, dir+"/") {
			return &Fault{Msg: "in " + dir + " rota keeps what tasks and clients write; nothing there is configuration", Hint: "move " + real + " elsewhere"}
		}
	}
	return nil
}

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
	o := Options{}.begun()
	data, err := within(o.Limit, path, o.until, func() ([]byte, error) {
		data, _, err := readFile(path, trust.Anybody)
		return data, err
	})
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
	if all, fault, _ := decode(rotaPart(text)); fault == nil {
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

// rotaPart returns the part of a text that is its table [rota], as far as that
// is sure without reading all of it, which takes long if there are many tasks;
// else "".
func rotaPart(text string) string {
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
