package plan

import (
	"strings"

	"rota/config"
)

// InWords describes in plain English when a task is due according to the file.
func InWords(t config.Task) string {
	var texts []string
	for _, spec := range t.Triggers {
		texts = append(texts, spec.Explain())
	}
	if len(t.After) > 0 {
		texts = append(texts, t.AfterText())
	}
	switch {
	case !t.Enabled:
		return "by hand, not enabled"
	case texts == nil:
		return "by hand"
	}
	return strings.Join(texts, "; ")
}
