package peers

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	supercronic "github.com/aptible/supercronic/cronexpr"

	"rota/internal/crontab"
	"rota/schedule"
)

// The lines of a crontab that package crontab takes for supercronic's are those that
// its library takes, with as many fields, and they are due at the same instants.
func TestCrontabOfSupercronic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"*", "*", "*", "*", "*/2", "*/7", "*/40", "1", "5", "7", "0", "12", "07", "1-5", "5-1", "1-5/2", "20-5/3", "mon", "fri-sun", "Jan", "feb-apr", "1,3", "1,,3", "1,", "L", "LW", "15W", "31W",
		"5#2", "mon#1", "5L", "sunL", "?", "monday", "january-march", "60", "31", "1/3", "3/10", "0-7", "6-7", "30", "2026", "2027-2030", "2027/2", "1969", "01", "x", "~", "1-", "*-3"}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	taken := 0
	for range 6_000 {
		var fields []string
		for range 5 + r.IntN(3) {
			word := "*"
			if r.IntN(3) > 0 {
				word = words[r.IntN(len(words))]
			}
			fields = append(fields, word)
		}
		line := strings.Join(fields, " ") + " job"
		var theirs *supercronic.Expression
		for _, n := range []int{7, 6, 5} { // as supercronic tries them
			if e, err := supercronic.ParseStrict(strings.Join(fields[:min(n, len(fields))], " ")); n <= len(fields) && err == nil {
				theirs = e
				break
			}
		}
		l := crontab.Parse(line+"\n", crontab.Options{Dialect: crontab.Supercronic}).Lines[0]
		if strings.Contains(line, "20-5/3") {
			continue // it has no values, and Next does not come back from some of these
		}
		if (l.Entry != nil) != (theirs != nil) {
			t.Errorf("%s: %v, and supercronic takes it: %v", line, l.Fault, theirs != nil)
			continue
		}
		if theirs == nil {
			continue
		}
		taken++
		if l.Fault != nil { // it never fires
			continue
		}
		spec, faults := schedule.Parse(schedule.Keys{"cron": {l.Entry.When.Cron()}}, time.UTC)
		if faults != nil {
			if faults[0].Msg == "" || theirs.Next(from).IsZero() {
				continue
			}
			t.Errorf("%s: %s: %v", line, l.Entry.When.Cron(), faults[0])
			continue
		}
		a, b := from, from
		for range 3 {
			a, b = spec.Next(a), theirs.Next(b)
			for years := l.Entry.When.Years; years != nil && !a.IsZero() && !within(years, a.Year()); {
				a = time.Date(a.Year()+1, 1, 1, 0, 0, 0, -1, time.UTC)
				if a.Year() > 2100 {
					a = time.Time{}
					break
				}
				a = spec.Next(a)
			}
			if a.Year() > 2099 {
				a = time.Time{} // where its years end
			}
			if !a.Equal(b) {
				t.Errorf("%s: %s is due at %v, and at %v with supercronic", line, l.Entry.When.Cron(), a, b)
				break
			}
			if a.IsZero() {
				break
			}
		}
	}
	if taken < 500 {
		t.Errorf("only %d lines were taken", taken)
	}
}

func within(years []crontab.Years, year int) bool {
	for _, y := range years {
		if y.First <= year && year <= y.Last {
			return true
		}
	}
	return false
}
