package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"rota/runner"
)

// processKeys are the keys of the environment, limits and inputs of a process.
var processKeys = []key[Task]{
	row("user", someText(func(t *Task) *string { return &t.User }), "", "The user that the task runs as, also with a built-in action other than log. Default: that of rota. Its files (env_file, secrets, template_file and body_file, dir, the program) are opened with the rights of this user.", `"nobody"`).only(processes),
	row("group", someText(func(t *Task) *string { return &t.Group }), "", "The group. Default: that of the user.", `"nogroup"`).only(processes),
	row("dir", path(func(t *Task) *string { return &t.Dir }).canonical(dirInForce), "", "The working directory. Default: the home of user, else the directory of the file.", `"/srv"`).only(processes),
	row("umask", permissions(func(t *Task) *uint32 { return &t.Umask }).canonical(func(t *Task) any { return fmt.Sprintf("%04o", t.Umask) }), `"0022"`, "The file mode creation mask.", `"0077"`).only(processes),
	row("shell", custom(listOf(textType), func(t *Task) *[]string { return &t.Shell }, setShell), `["/bin/sh", "-c"]`, "The shell: a command that is a string is its last argument.", `["/bin/bash", "-ec"]`).only(commands).hideValue(),
	row("stdin", anyText(func(t *Task) *string { return &t.Stdin }), "", "The standard input. Default: /dev/null.", `"yes"`).only(commands).shown(showStdin).hideValue(),
	row("env", custom(namedType(variablePattern, textType), func(t *Task) *map[string]string { return &t.Env }, setEnv), "", "Environment variables. Names with ROTA_ are reserved. In a value ${NAME} is the value of that variable without env: from the environment of rota, the user or env_file; empty if none sets it. $$ is a dollar sign. Anything else is literal, as are the values of all other keys.", `{ LANG = "C" }`, `{ PATH = "${PATH}:/opt/x/bin", PRICE = "$$5" }`).only(processes).shown(showEnv).hideValue(),
	row("env_file", custom(pathType, func(t *Task) *string { return &t.EnvFile }, setEnvFile), "", "A file of variables, NAME=value on each line. With a - before the path it may be absent.", `"/etc/default/backup"`, `"-/etc/default/backup"`).only(processes),
	row("nice", custom(numberType(-20, 19), func(t *Task) **int { return &t.Nice }, setNice), "", "The nice value.", "10", "-5").only(processes),
	row("limits", custom(tableType(limitTable.name), func(t *Task) *runner.Limits { return &t.Limits }, setLimits), "", "Resource limits.", "{ files = 1024 }").only(processes).hideValue(),
	row("secrets", custom(namedType(variablePattern, sourceType), func(t *Task) *map[string]string { return &t.Secrets }, setSecrets), "", "Secret environment variables, masked in outputs, each from file:/path, cred:NAME of systemd or env:NAME of rota.", `{ TOKEN = "file:/etc/rota/secrets/token" }`).only(processes).hideValue(),
	row("params", custom(namedType(paramName.String(), textType), func(t *Task) *map[string]string { return &t.Params }, setParams), "", "Parameters of a request, with defaults. A command gets them as ROTA_PARAM_NAME.", `{ site = "main" }`).hideValue(),
	row("input_max", size(func(t *Task) *int64 { return &t.InputMax }), `"1MiB"`, "The largest input of a request.", `"10MiB"`),
	row("result_max", size(func(t *Task) *int64 { return &t.ResultMax }), `"1MiB"`, "The largest result that may be written to ROTA_RESULT_FILE.", `"10MiB"`),
}

var limitTable = &table[runner.Limits]{
	name: "tasks.NAME.limits", text: "Resource limits of each process, see setrlimit(2). A limit that is not given is inherited.",
	keys: []key[runner.Limits]{
		row("files", limit(numberType(1, noLimit), func(l *runner.Limits) **uint64 { return &l.Files }, openFiles), "", "Open files.", "1024"),
		row("cpu_time", limit(durationType, func(l *runner.Limits) **uint64 { return &l.CPUTime }, cpuSeconds), "", "CPU time.", `"1h"`),
		row("file_size", limit(sizeType, func(l *runner.Limits) **uint64 { return &l.FileSize }, byteSize), "", "The size of a file that is written.", `"1GiB"`),
		row("core", limit(sizeType, func(l *runner.Limits) **uint64 { return &l.Core }, byteSize), "", "The size of a core file.", `"0B"`),
	},
}

// limit returns the value of one limit of a process.
func limit[N int | int64](t Type, of func(*runner.Limits) **uint64, read func(loc location, v any) (N, bool)) value[runner.Limits] {
	return custom(t, of, func(loc location, v any, to *runner.Limits) {
		if n, ok := read(loc, v); ok {
			*of(to) = new(uint64(n))
		}
	})
}

func openFiles(loc location, v any) (n int, ok bool) {
	ok = loc.number(v, 1, noLimit, &n)
	return n, ok
}

func byteSize(loc location, v any) (n int64, ok bool) {
	ok = loc.size(v, &n)
	return n, ok
}

func cpuSeconds(loc location, v any) (seconds int64, ok bool) {
	d := time.Duration(0)
	if !loc.duration(v, &d) {
		return 0, false
	}
	if d < time.Second {
		loc.valueError("", "cpu_time must be 1s or more")
		return 0, false
	}
	return int64(d / time.Second), true
}

// setLimits reads the limits. Those of a task replace those of [defaults].
func setLimits(loc location, v any, to *Task) {
	to.Limits = runner.Limits{}
	limitTable.read(loc, v, "limits", &to.Limits)
}

func setNice(loc location, v any, to *Task) {
	n := 0
	if loc.number(v, -20, 19, &n) {
		to.Nice = &n
	}
}

func setShell(loc location, v any, to *Task) {
	if _, ok := v.([]any); !ok {
		loc.mismatch(v, "a list", `["/bin/sh", "-c"]`)
		return
	}
	loc.texts(v, &to.Shell)
}

const variablePattern = `^[A-Za-z_][A-Za-z0-9_]*$`

var (
	sourceType = Type{Name: "a source", Text: true, Pattern: `^(file|cred|env):.`}

	envName   = regexp.MustCompile(variablePattern)
	paramName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// variable reports whether the key here can be the name of a variable that a
// task is given.
func (loc location) variable(name string) bool {
	switch {
	case !envName.MatchString(name):
		loc.keyError("letters, digits and _, no digit first", "%q is not a valid variable name", name)
	case strings.HasPrefix(name, "ROTA_"):
		loc.keyError("rota sets the variables that begin with ROTA_", "%s is reserved", name)
	default:
		return true
	}
	return false
}

func setEnv(loc location, v any, to *Task) {
	env := mapOf(to.Env)
	loc.table(v, func(loc location, name string, v any) {
		value := ""
		if !loc.variable(name) || !loc.text(v, &value) {
			return
		}
		if start, end, msg, hint := runner.WrongReference(value); msg != "" {
			loc.l.add(complaint{location: loc, Fault: Fault{Msg: msg, Hint: hint}, part: span{start, end}})
			return
		}
		loc.literalEnv(value)
		env[name] = value
	})
	to.Env = env
}

func setParams(loc location, v any, to *Task) {
	params := map[string]string{}
	loc.table(v, func(loc location, name string, v any) {
		value := ""
		if !paramName.MatchString(name) {
			loc.keyError("a small letter, then up to 31 of a-z 0-9 _", "%q is not a valid parameter name", name)
		} else if loc.text(v, &value) {
			params[name] = value
		}
	})
	to.Params = params
}

func setSecrets(loc location, v any, to *Task) {
	secrets := mapOf(to.Secrets)
	loc.table(v, func(loc location, name string, v any) {
		value := ""
		if !loc.variable(name) || !loc.text(v, &value) {
			return
		}
		from, rest, _ := strings.Cut(value, ":")
		switch {
		case from == "file" && rest != "":
			loc.literalPath(rest, len("file:"))
			value = "file:" + loc.src.abs(rest)
		case from == "cred" && rest != "" && !strings.Contains(rest, "/"):
		case from == "env" && envName.MatchString(rest):
		default: // the value is not repeated: it may be the secret itself
			loc.valueError(`write "file:/path", "cred:NAME" or "env:NAME"`, "secret %s has no source", name)
			return
		}
		secrets[name] = value
	})
	to.Secrets = secrets
}

func setEnvFile(loc location, v any, to *Task) {
	path := ""
	if !loc.filled(v, &path) {
		return
	}
	if rest, optional := strings.CutPrefix(path, "-"); optional {
		if rest == "" {
			loc.valueError(`write "-path" for a file that may be absent`, `env_file is only "-"`)
			return
		}
		loc.literalPath(rest, len("-"))
		to.EnvFile = "-" + loc.src.abs(rest)
		return
	}
	loc.literalPath(path, 0)
	to.EnvFile = loc.src.abs(path)
}

// mapOf returns a copy of a map that can be added to; never nil.
func mapOf(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// dirInForce returns the directory that a task runs in; "": the home of its user.
func dirInForce(t *Task) any {
	if t.User == "" {
		return cmp.Or(t.Dir, t.Base)
	}
	return t.Dir
}

// showEnv returns the names of the variables: their values may be secret.
func showEnv(t *Task) string { return strings.Join(slices.Sorted(maps.Keys(t.Env)), ", ") }

// showStdin returns the length of the input: its text may be secret.
func showStdin(t *Task) string {
	if n := len(t.Stdin); n > 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return ""
}
