package runner

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	// assignment is what may stand before a command's name in a shell.
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_./:@%+,-]*$`)
	// plainWord means the same to every shell.
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_./@%+-]+$`)
)

// shellWords are what shells know without a program.
var shellWords = strings.Fields(`. alias bg bind break builtin caller case cd command compgen complete continue coproc
	declare dirs disown do done elif else enable esac eval exec exit export false fc fg fi for function getopts hash help
	history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return select set shift
	shopt source suspend test then time times trap true type typeset ulimit umask unalias unset until wait while echo`)

// firstWord is the name of the program that a text for a shell begins with; ""
// if that is no plain word, a word of the shell itself, or the shell is none
// that is known.
func firstWord(shell []string, text string) string {
	if !slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "zsh"}, filepath.Base(shell[0])) {
		return ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		for _, word := range strings.Fields(line) {
			if assignment.MatchString(word) {
				if strings.HasPrefix(word, "PATH=") {
					return ""
				}
				continue
			}
			if end := strings.IndexAny(word, ";&|<>"); end > 0 && strings.Trim(word[:end], "0123456789") != "" {
				word = word[:end]
			}
			if !plainWord.MatchString(word) || slices.Contains(shellWords, word) {
				return ""
			}
			return word
		}
		return "" // only assignments
	}
	return ""
}
