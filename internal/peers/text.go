package peers

import "strings"

// withYear adds any year to an expression of six fields, which gorhill's
// parser and its children would read as five and a year.
func withYear(text string) string {
	if len(strings.Fields(text)) == 6 {
		return text + " *"
	}
	return text
}
