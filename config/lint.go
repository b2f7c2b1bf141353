package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Warnings about values that are valid but mostly not what their author means:
// habits from shells and crontabs.

// warnPart adds a warning about a part of the value here.
func (loc location) warnPart(part span, hint, format string, args ...any) {
	loc.l.add(complaint{location: loc, part: part, Fault: Fault{Msg: fmt.Sprintf(format, args...), Hint: hint, Warning: true}})
}

var (
	shellVariable = regexp.MustCompile(`\$(\{\w+\}|[A-Z_][A-Z0-9_]+)`) // in small letters it may well be a word
	bareVariable  = regexp.MustCompile(`\$[A-Z_][A-Z0-9_]+`)
	shellCommand  = regexp.MustCompile(`\$\([^)]*\)|` + "`[^`]+`")
	homeDirectory = regexp.MustCompile(`^~[a-z0-9_-]*(/|$)`)
)

// literalEnv warns of text in the value of a variable that only a shell would expand:
// not of ${NAME}, which is replaced, nor of $$, which becomes a dollar. The value is
// not repeated: it may be a secret.
func (loc location) literalEnv(text string) {
	text = strings.ReplaceAll(text, "$$", "  ")
	if m := bareVariable.FindStringIndex(text); m != nil {
		loc.warnPart(span{m[0], m[1]}, "write ${VAR}, or $$VAR if $VAR is meant", "a variable without braces is not replaced in env")
	}
	if m := shellCommand.FindStringIndex(text); m != nil {
		loc.warnPart(span{m[0], m[1]}, "write its output, or set the variable in the command", "no command is run in env")
	}
	if m := homeDirectory.FindString(text); m != "" {
		loc.warnPart(span{0, len(strings.TrimSuffix(m, "/"))}, "write the whole path, such as /home/joe", "~ is not replaced in env")
	}
	loc.percent(text)
}

// literalPath warns of text in a path that only a shell would expand. The path begins
// at byte from of the value.
func (loc location) literalPath(text string, from int) {
	const hint = "write the whole path, such as /home/joe"
	if m := shellVariable.FindStringIndex(text); m != nil {
		loc.warnPart(span{from + m[0], from + m[1]}, hint, "%s is not replaced in a path", text[m[0]:m[1]])
	}
	if m := homeDirectory.FindString(text); m != "" {
		loc.warnPart(span{from, from + len(strings.TrimSuffix(m, "/"))}, hint, "~ is not replaced in a path")
	}
}

// literalArgument warns of an argument that only a shell would expand.
func (loc location) literalArgument(text string) {
	const hint = "write the command as one string, for the shell, or write the value"
	m := shellVariable.FindStringIndex(text)
	switch {
	case m != nil && m[0] == 0 && (m[1] == len(text) || text[m[1]] == '/'):
		loc.warnPart(span{0, m[1]}, hint, "%s is not replaced: no shell sees the arguments of a list", text[:m[1]])
	case homeDirectory.MatchString(text) && !strings.Contains(text, " "):
		loc.warnPart(span{0, 1}, hint, "~ is not replaced: no shell sees the arguments of a list")
	}
}

// percent warns of \%, which only a crontab needs.
func (loc location) percent(text string) {
	if i := strings.Index(text, `\%`); i >= 0 {
		loc.warnPart(span{i, i + 2}, "write % alone", `\%% is for crontabs: here %% needs no backslash`)
	}
}

// remote matches a command that starts another one on another machine or in a
// container, up to where the next command of the shell begins.
var remote = regexp.MustCompile(`(?:^|[;&|(\n]|\b(?:exec|sudo|nohup|then|do|else|timeout \S+)\s)\s*((?:/[^\s;&|]*/)?(ssh|docker(?:[ -]compose)?\s+exec|podman\s+exec|kubectl\s+exec))(\s[^;&|\n]*)`)

// lintShell adds warnings about a command for the shell.
func (loc location) lintShell(text string) {
	loc.percent(text)
	for _, m := range remote.FindAllStringSubmatchIndex(text, -1) {
		if loc.lintRemote(span{m[2], m[3]}, strings.Fields(text[m[4]:m[5]]+text[m[6]:m[7]])) {
			return
		}
	}
}

// lintArgv adds warnings about a command that is a list.
func (loc location) lintArgv(argv []string) {
	script := false // the next argument is one for a shell
	for i, arg := range argv {
		loc := loc.at(i)
		if !script {
			loc.literalArgument(arg)
		}
		loc.percent(arg)
		script = strings.HasPrefix(arg, "-") && strings.HasSuffix(arg, "c")
	}
	if len(argv) > 1 {
		words := slices.Clone(argv)
		words[0] = filepath.Base(words[0])
		if at := remote.FindStringSubmatchIndex(strings.Join(words, " ")); at != nil && at[2] == 0 {
			loc.at(0).lintRemote(span{}, words)
		}
	}
}

// lintRemote warns of a command on another machine or in a container that does not
// end with its run, and reports whether it warned.
func (loc location) lintRemote(part span, words []string) bool {
	where, example := "in the container", strings.Join(words[:min(2, len(words))], " ")+" NAME timeout 1h COMMAND"
	switch words[0] {
	case "ssh":
		where, example = "on the other machine", "ssh HOST timeout 1h COMMAND"
		for _, w := range words[1:] {
			if len(w) > 1 && w[0] == '-' && strings.ContainsAny(w, "NOWVG") && !strings.ContainsAny(w, "=") {
				return false // it runs no command
			}
		}
	case "kubectl":
		example = "kubectl exec POD -- timeout 1h COMMAND"
	}
	if slices.ContainsFunc(words[1:], func(w string) bool {
		return filepath.Base(strings.Trim(w, `"'`)) == "timeout"
	}) {
		return false
	}
	loc.warnPart(part, "give it a time-out of its own: "+example, "a stop or a time-out ends %s, but not the command %s", words[0], where)
	return true
}
