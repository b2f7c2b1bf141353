package trust

import (
	"os"
	"strings"
)

// Error is the error for a file or directory that another user can change, with the
// commands that correct it.
type Error struct {
	Path string
	Why  []string
	Cure []string // commands that correct it; none: only another path helps

	given bool // the rule NotEverybody accepts it
}

func (e *Error) Error() string {
	text := e.Reason()
	if hint := e.Hint(); hint != "" {
		text += "; " + hint
	}
	return text
}

// Reason returns which users can change which file.
func (e *Error) Reason() string { return e.Path + ": " + strings.Join(e.Why, ", ") }

// Hint returns what to do; "": nothing to suggest.
func (e *Error) Hint() string { return e.hint(inContainer()) }

func (e *Error) hint(container bool) string {
	var ways []string
	if len(e.Cure) > 0 {
		ways = append(ways, "type: "+strings.Join(e.Cure, " && "))
	}
	if e.given && container {
		ways = append(ways, "give --trust-file, as rota runs in a container")
	}
	return strings.Join(ways, "; or ")
}

// inContainer reports whether this process seems to run in a container, where files
// often belong to the user who built the image or the volume. It is only used for the
// text of a hint, not for any decision on trust.
func inContainer() bool {
	for _, path := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"} {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return os.Getpid() == 1 || os.Getenv("container") != "" || os.Getenv("KUBERNETES_SERVICE_HOST") != ""
}
