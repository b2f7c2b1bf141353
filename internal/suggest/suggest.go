// Package suggest finds the known name that is most similar to a misspelled one.
package suggest

import (
	"slices"
	"strings"
)

// Nearest returns the known name with the smallest edit distance to name, the
// first of them in the alphabet, if that distance is at most 2 and at most a
// third of the name's length; else "". A swap of two neighbouring letters
// counts as one edit; case is ignored.
func Nearest(name string, known []string) string {
	best, least := "", min(2, len(name)/3)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// longest is the length of the longest names that are compared: no name is longer.
const longest = 64

// distance returns the number of letters to insert, delete, replace or swap with their
// neighbour to change one name to the other.
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return len(a) + len(b)
	}
	var rows [3][longest + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
