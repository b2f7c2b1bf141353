package peers

import (
	"math/rand/v2"
	"time"
)

// Expressions and Zones are what is measured.
var (
	Expressions = []string{"* * * * *", "*/5 * * * *", "0 3 * * *", "30 4 1,15 * 5", "0 0 29 2 *", "0 0 31 * *", "0 30 2 * * SUN"}
	Zones       = []string{"UTC", "America/New_York"}
)

// Instants returns 256 instants of 2026 in a zone, in no order, always the
// same: how long a parser takes depends on where in the year it is asked.
func Instants(zone *time.Location) []time.Time {
	r := rand.New(rand.NewPCG(20, 26))
	all := make([]time.Time, 256)
	for i := range all {
		all[i] = time.Date(2026, 1, 1, 0, 0, r.IntN(365*86400), 0, zone)
	}
	return all
}
