package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rota/internal/trust"
)

// DefaultStateDir returns the state directory of the daemon if no file names one:
// $ROTA_STATE_DIR, else /var/lib/rota for root; for other users $XDG_STATE_HOME/rota or
// ~/.local/state/rota, and [SharedStateDir] for users without a home.
func DefaultStateDir() string {
	// In a run, the variable names the state directory of the daemon that started the
	// run. A daemon that the run itself starts must not use it.
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

// SharedStateDir returns the state directory of a user without a home. Another user
// may create that directory first.
func SharedStateDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("rota-%d", os.Getuid()))
}

// checkStateDir warns if the state directory is one that the user may not expect.
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

// outputDirs are the directories below the state directory that rota makes. Tasks,
// and clients that request runs, determine the content of the files there.
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
				real = dir // it does not exist yet
			}
			dirs = append(dirs, real)
		}
	}
	return dirs
}

// isOutput returns a fault if a file is one that rota made for a task: whoever owns
// it, its content comes from tasks and clients.
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

// StateDirOf returns the state_dir that a file names, absolute, even if the file is
// not valid; "" if none is found. It reads no included files and does not check who may
// change the file.
func StateDirOf(path string) string { return rotaPath(path, "state_dir") }

// SocketOf returns the socket that a file names, in the same way as [StateDirOf].
func SocketOf(path string) string { return rotaPath(path, "socket") }

// rotaPath returns the path that a key of [rota] has in a file, valid or not.
func rotaPath(path, key string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	o := Options{}.withDeadline()
	data, err := within(o.Limit, path, o.until, func() ([]byte, error) {
		data, _, err := readFile(path, trust.AnyUser)
		return data, err
	})
	if err != nil {
		return ""
	}
	said := rotaText(strings.TrimPrefix(string(data), byteOrderMark), key)
	if said == "" {
		return ""
	}
	return (&source{dir: filepath.Dir(path)}).abs(said)
}

// rotaText returns the value of a key of [rota] in a text. If the text is not TOML, it
// returns the value on the first line with the key that is valid by itself.
func rotaText(text, key string) string {
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

// rotaPart returns the part of a text that is its table [rota], or "" if that is not
// certain. It does not decode the whole text, which takes long with many tasks.
func rotaPart(text string) string {
	const head = "[rota]"
	from := 0
	if !strings.HasPrefix(text, head) {
		if from = strings.Index(text, "\n"+head) + 1; from == 0 {
			return ""
		}
	}
	if before := text[:from]; strings.Contains(before, `"""`) || strings.Contains(before, "'''") {
		return "" // the header may be part of a string
	}
	text = text[from:]
	if end := strings.Index(text, "\n["); end >= 0 {
		text = text[:end]
	}
	return text
}
