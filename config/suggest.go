package config

import (
	"fmt"

	"rota/internal/suggest"
)

// didYouMean returns the hint for an unknown name; "" if none of the
// known ones is near.
func didYouMean(name string, known []string) string {
	if near := suggest.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}
