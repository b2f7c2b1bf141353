package schedule

import (
	"strings"

	"rota/internal/suggest"
)

// closest returns the name that is most similar: one that differs in case
// only, or whose last part is the same, or in a letter or two. "" if none is
// close.
func closest(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	for _, n := range names {
		if strings.EqualFold(n[strings.LastIndexByte(n, '/')+1:], name) {
			return n
		}
	}
	return suggest.Nearest(name, names)
}
