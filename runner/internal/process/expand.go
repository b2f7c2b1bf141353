package process

import (
	"regexp"
	"strings"
)

// reference is what is special in a value of env: $$, ${NAME}, and what begins like
// the latter and is not one.
var reference = regexp.MustCompile(`\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{[^}]*\}?`)

// expand returns a value of env with each ${NAME} replaced by what that variable is,
// and each $$ by a dollar. All else is literal.
func expand(value string, of func(name string) string) string {
	if !strings.Contains(value, "$") {
		return value
	}
	return reference.ReplaceAllStringFunc(value, func(found string) string {
		m := reference.FindStringSubmatch(found)
		switch {
		case found == "$$":
			return "$"
		case m[1] != "":
			return of(m[1])
		}
		return found
	})
}

// WrongReference finds the first ${…} in a value of env that names no variable which
// the value could refer to: its bytes, what is wrong and what to write instead. "":
// there is none. The value, which may be a secret, is not repeated.
func WrongReference(value string) (start, end int, msg, hint string) {
	for _, at := range reference.FindAllStringSubmatchIndex(value, -1) {
		switch {
		case value[at[0]:at[1]] == "$$":
		case at[2] < 0:
			return at[0], at[1], "${ is not followed by the name of a variable and }", "write ${NAME}, or $${ for a literal ${"
		case strings.HasPrefix(value[at[2]:at[3]], "ROTA_"):
			return at[0], at[1], value[at[0]:at[1]] + " is not known yet: rota sets it after env", "use it in the command, or write $${ for a literal ${"
		}
	}
	return 0, 0, "", ""
}
