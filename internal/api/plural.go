package api

import "fmt"

// Plural returns a number with its noun: "1 task" or "3 tasks".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
