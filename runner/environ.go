package runner

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ownVariables are for rota itself; no task inherits them.
var ownVariables = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "CREDENTIALS_DIRECTORY"}

// environment is what a command gets, and which of its values are secret.
type environment struct {
	vars    map[string]string
	secrets []string
}

// newEnvironment makes the environment of a run: rota's own, or a small one if
// the run has a user; then env_file, env, secrets, params and what tells of the
// run, each going over the one before.
func newEnvironment(in Input, as *account) (*environment, error) {
	p := in.Process
	e := &environment{vars: map[string]string{}}
	if as == nil {
		e.inherit(p.DropEnv)
	} else {
		e.login(as)
	}
	if p.EnvFile != "" {
		if err := e.file(p.EnvFile); err != nil {
			return nil, err
		}
	}
	maps.Copy(e.vars, p.Env)
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		v, err := resolveSecret(p.Secrets[name])
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		e.vars[name] = v
		e.secrets = append(e.secrets, v)
	}
	for name, v := range in.Params {
		if strings.Contains(v, "\x00") {
			return nil, fmt.Errorf("parameter %s: a variable cannot hold a NUL byte; give it as input", name)
		}
		e.vars["ROTA_PARAM_"+strings.ToUpper(name)] = v
	}
	maps.Copy(e.vars, in.Vars)
	if in.Token != "" {
		e.vars["ROTA_TOKEN"] = in.Token
		e.secrets = append(e.secrets, in.Token)
	}
	e.vars["ROTA_TASK"] = in.Task
	e.vars["ROTA_RUN"] = in.Run
	e.vars["ROTA_ATTEMPT"] = strconv.Itoa(in.Attempt)
	e.vars["ROTA_CAUSE"] = string(in.Cause)
	if !in.tells { // or the run would take it for a process of its own
		e.vars["ROTA_STATE_DIR"] = in.StateDir
	}
	e.vars["ROTA_SCHEDULED"] = timeText(in.Scheduled)
	e.vars["ROTA_LAST_SUCCESS"] = timeText(in.LastSuccess)
	return e, nil
}

// exchange names the files of an exchange.
func (e *environment) exchange(x *exchange, resultMax int64) {
	e.vars["ROTA_STOP_FILE"] = x.stop()
	if resultMax > 0 {
		e.vars["ROTA_RESULT_FILE"] = x.result()
	}
}

// inherit takes over rota's own environment.
func (e *environment) inherit(drop []string) {
	for _, kv := range os.Environ() {
		name, v, _ := strings.Cut(kv, "=")
		if !slices.Contains(ownVariables, name) && !slices.Contains(drop, name) && !strings.HasPrefix(name, "ROTA_") {
			e.vars[name] = v
		}
	}
}

// login is the environment that a user starts with.
func (e *environment) login(a *account) {
	e.vars["HOME"], e.vars["USER"], e.vars["LOGNAME"] = a.home, a.name, a.name
	e.vars["SHELL"] = cmp.Or(a.shell, "/bin/sh")
	e.vars["PATH"] = "/usr/local/bin:/usr/bin:/bin"
	for _, name := range []string{"PATH", "LANG", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			e.vars[name] = v
		}
	}
}

// file reads NAME=value lines; "export " before one, quotes around a value,
// empty lines and lines that begin with # are understood. A path that begins
// with "-" may be absent.
func (e *environment) file(path string) error {
	path, optional := strings.CutPrefix(path, "-")
	f, err := os.Open(path)
	if err != nil {
		if optional && os.IsNotExist(err) {
			return nil
		}
		return fmt.Errorf("env_file: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
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
		e.vars[name] = v
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("env_file: %s: %w", path, err)
	}
	return nil
}

// list returns the environment as execve wants it.
func (e *environment) list() []string {
	env := make([]string, 0, len(e.vars))
	for _, name := range slices.Sorted(maps.Keys(e.vars)) {
		env = append(env, name+"="+e.vars[name])
	}
	return env
}

// timeText is RFC 3339 in UTC, or "" for no time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
