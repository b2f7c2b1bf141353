package process

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"rota/internal/trust"
)

// ownVariables are for rota itself; no task inherits them.
var ownVariables = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY"}

// environment is what a program gets, in layers: each goes over the one before.
// It is made by rota and completed, by [environment.resolve], with the rights of
// the task, which may be in another process: what files hold is not in it.
type environment struct {
	Base    []variable        // rota's own variables, or those of a login; shared by runs
	File    string            // env_file; "": none; "-PATH": may be absent
	Set     map[string]string // env, with its references
	Sources map[string]string // secrets that files hold: name to path
	Secrets map[string][]byte // secrets that rota itself was given
	Own     map[string]string // what tells of the run
	Program string            // that of rota; "": unknown
	Tools   string            // its directory, see [ownProgram]
}

// variable is NAME=value, of any bytes but 0.
type variable string

// MarshalText writes the variable so that its bytes stay as they are.
func (v variable) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(v)), nil
}

// UnmarshalText reads what MarshalText wrote.
func (v *variable) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	*v = variable(b)
	return err
}

// environment makes the environment of a process: rota's own, or a small one if the
// run has a user; then env_file, env, secrets and what tells of the run.
func (l Launch) environment(as *Account) (environment, error) {
	s := l.Settings
	e := environment{File: s.EnvFile, Set: s.Env, Sources: map[string]string{}, Secrets: map[string][]byte{}, Own: map[string]string{}}
	e.Program, e.Tools = ownProgram()
	if as == nil {
		e.Base = inherited.without(s.DropEnv)
	} else {
		e.login(as)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if path, ok := strings.CutPrefix(s.Secrets[name], "file:"); ok {
			e.Sources[name] = path
			continue
		}
		v, err := ownSecret(s.Secrets[name])
		if err != nil {
			return e, fmt.Errorf("secret %s: %w", name, err)
		}
		e.Secrets[name] = []byte(v)
	}
	maps.Copy(e.Own, l.Vars)
	if l.Token != "" {
		e.Secrets["ROTA_TOKEN"] = []byte(l.Token)
	}
	if l.Attempt != (Attempt{}) {
		e.Own[runVariable], e.Own[stateVariable] = l.Attempt.Run, l.Attempt.StateDir
	}
	return e, nil
}

// The variables by which a process is known to be of a run.
const (
	runVariable   = "ROTA_RUN"
	stateVariable = "ROTA_STATE_DIR"
)

// setFileVariables sets the variables that name the files of a run.
func (e *environment) setFileVariables(f *runFiles, resultMax int64) {
	e.Own["ROTA_STOP_FILE"] = f.stopPath()
	if resultMax > 0 {
		e.Own["ROTA_RESULT_FILE"] = f.resultPath()
	}
}

// inherited is what tasks inherit of rota's own variables. All tasks of a file inherit the
// same, so it is kept until another is asked for.
var inherited inheritedVariables

type inheritedVariables struct {
	mu            sync.Mutex
	environ, drop []string // that it was made of
	all           []variable
}

// without returns rota's own variables that tasks inherit, without some.
func (i *inheritedVariables) without(drop []string) []variable {
	environ := os.Environ()
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.Equal(environ, i.environ) && slices.Equal(drop, i.drop) {
		return i.all
	}
	i.environ, i.drop, i.all = environ, drop, nil
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(ownVariables, name) && !slices.Contains(drop, name) && !strings.HasPrefix(name, "ROTA_") {
			i.all = append(i.all, variable(kv))
		}
	}
	return i.all
}

// login has the variables that a user starts with.
func (e *environment) login(a *Account) {
	path := "/usr/local/bin:/usr/bin:/bin"
	if v, ok := os.LookupEnv("PATH"); ok {
		path = v
	}
	for _, kv := range []string{
		"HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "SHELL=" + cmp.Or(a.Shell, "/bin/sh"), "PATH=" + path,
	} {
		e.Base = append(e.Base, variable(kv))
	}
	for _, name := range []string{"LANG", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			e.Base = append(e.Base, variable(name+"="+v))
		}
	}
}

// resolve reads what the files hold and returns the whole environment as execve
// wants it, and the values in it that are secret. It opens files by open, which
// must not wait.
func (e *environment) resolve(open opener) (env, secrets []string, err error) {
	vars := make(map[string]string, len(e.Base)+len(e.Own)+8)
	for _, kv := range e.Base {
		name, v, _ := strings.Cut(string(kv), "=")
		vars[name] = v
	}
	if e.File != "" {
		if err := readEnvFile(vars, e.File, open); err != nil {
			return nil, nil, err
		}
	}
	e.set(vars)
	for _, name := range slices.Sorted(maps.Keys(e.Sources)) {
		v, err := readSecret(e.Sources[name], open)
		if err != nil {
			return nil, nil, fmt.Errorf("secret %s: %w", name, err)
		}
		vars[name] = v
		secrets = append(secrets, v)
	}
	for name, v := range e.Secrets {
		vars[name] = string(v)
		secrets = append(secrets, string(v))
	}
	maps.Copy(vars, e.Own)
	e.addProgramToPath(vars)
	return e.list(vars), secrets, nil
}

// list returns the variables as execve wants them.
func (e *environment) list(vars map[string]string) []string {
	env := make([]string, 0, len(vars))
	for _, kv := range e.Base { // most are as they were
		name, v, _ := strings.Cut(string(kv), "=")
		if now, ok := vars[name]; ok && now == v {
			env = append(env, string(kv))
			delete(vars, name)
		}
	}
	for name, v := range vars {
		env = append(env, name+"="+v)
	}
	slices.Sort(env)
	return env
}

// set adds the values of env, which may refer to what is below them and not to each
// other. Those that rota itself adds, of a notification, have names of its own and
// hold what tasks wrote: they are literal.
func (e *environment) set(vars map[string]string) {
	values := make(map[string]string, len(e.Set))
	for name, v := range e.Set {
		if !strings.HasPrefix(name, "ROTA_") {
			v = expand(v, func(name string) string { return vars[name] })
		}
		values[name] = v
	}
	maps.Copy(vars, values)
}

// ownProgram is the path of rota's program, and the directory of it for the end of
// PATH: "" if somebody else could put a program there.
var ownProgram = sync.OnceValues(func() (path, dir string) {
	path, err := os.Executable()
	if err != nil {
		return "", ""
	}
	dir = filepath.Dir(path)
	if strings.Contains(dir, ":") || trust.For(false).Verify(dir) != nil {
		dir = ""
	}
	return path, dir
})

// addProgramToPath lets a command find the program of rota: as ROTA_EXE and, last, in PATH,
// so that it hides no other program. Without PATH a shell has one of its own.
func (e *environment) addProgramToPath(vars map[string]string) {
	if e.Program != "" {
		vars["ROTA_EXE"] = e.Program
	}
	if path := vars["PATH"]; path != "" && e.Tools != "" && !slices.Contains(filepath.SplitList(path), e.Tools) {
		vars["PATH"] = path + ":" + e.Tools
	}
}

// files are those that resolve opens.
func (e *environment) files() []string {
	paths := slices.Collect(maps.Values(e.Sources))
	if path := strings.TrimPrefix(e.File, "-"); path != "" {
		paths = append(paths, path)
	}
	return paths
}

// maxEnvFile bounds in bytes what is read of an env_file: more than the system
// passes to a program.
const maxEnvFile = 4 << 20

// byteOrderMark is what editors of Windows put before a text.
const byteOrderMark = "\ufeff"

// readEnvFile reads NAME=value lines; "export " before one, quotes around a
// value, empty lines and lines that begin with # are understood. A path that
// begins with "-" may be absent.
func readEnvFile(vars map[string]string, path string, open opener) error {
	path, optional := strings.CutPrefix(path, "-")
	f, err := open(path)
	if err != nil {
		if optional && os.IsNotExist(err) {
			return nil
		}
		return fmt.Errorf("env_file: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxEnvFile))
	lines.Buffer(nil, maxEnvFile)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, byteOrderMark)
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, v, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t\x00") || strings.Contains(v, "\x00") {
			return fmt.Errorf("env_file: %s:%d: want NAME=value", path, n)
		}
		v = strings.TrimSpace(v)
		if len(v) > 1 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
			v = v[1 : len(v)-1]
		}
		vars[name] = v
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("env_file: %s: %w", path, err)
	}
	return nil
}
