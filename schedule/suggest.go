package schedule

import "strings"

// closest returns the name that was probably meant: one that differs in case
// only, or whose last part does, or in a letter or two. "" if none is close.
func closest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
		if strings.EqualFold(n[strings.LastIndexByte(n, '/')+1:], name) {
			best, least = n, 0
		}
		if d := distance(name, n); d < least && d <= len(name)/4 {
			best, least = n, d
		}
	}
	return best
}

// distance counts the letters to add, drop or replace to get from a to b.
func distance(a, b string) int {
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return 3 // far enough
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
