package peers

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rota/schedule"
)

var expressions = flag.Int("expressions", 2000, "how many random expressions the peers are asked about")

var zoneNames = []string{
	"UTC", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Santiago", "Africa/Casablanca", "Africa/Cairo",
	"Antarctica/Troll", "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Sydney",
	"Europe/Berlin", "Europe/Dublin", "Europe/London", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati",
}

// question is one call of Next and rota's answer.
type question struct {
	expression
	zone        *time.Location
	after, slot time.Time
}

// questions asks rota about random expressions: each in two zones, four slots in a row
// from a random instant on. It omits instants close to a change of the clock.
func questions(t *testing.T) (all []question) {
	r := rand.New(rand.NewPCG(20, 26))
	for range *expressions {
		e := randomExpression(r)
		for range 2 {
			zone, err := schedule.Zone(pick(r, zoneNames...))
			if err != nil {
				t.Fatal(err)
			}
			next, err := Rota.Parse(e.text, zone)
			if err != nil && strings.Contains(err.Error(), "never fires") {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", e.text, err)
			}
			after := time.Date(2001, 1, 1, 0, 0, r.IntN(90*365*86400), r.IntN(2)*r.IntN(1e9), zone)
			for range 4 {
				slot := next(after).In(zone)
				if !nearChange(after) && !nearChange(slot) {
					all = append(all, question{e, zone, after, slot})
				}
				after = slot
			}
		}
	}
	return all
}

// nearChange reports whether the clock changes within a day of t.
func nearChange(t time.Time) bool {
	const day = 25 * time.Hour
	start, end := t.ZoneBounds()
	return !start.IsZero() && t.Sub(start) < day || !end.IsZero() && end.Sub(t) < day
}

// overChange reports whether the clock changes between question and answer.
func (q question) overChange() bool {
	_, end := q.after.ZoneBounds()
	return !end.IsZero() && end.Before(q.slot)
}

// fair reports whether a peer can be expected to answer: robfig looks five
// years ahead, gorhill's parser and its children end with 2099, and robfig and
// gronx walk along the clock and may stumble over each change on their way.
func (q question) fair(peer string) bool {
	if !asked(peer, q.uses) {
		return false
	}
	switch peer {
	case "robfig":
		return q.slot.Year() <= q.after.Year()+5 && !q.overChange()
	case "gronx":
		return !q.overChange()
	}
	return q.slot.Year() <= 2099
}

func TestAgree(t *testing.T) {
	all := questions(t)
	for _, p := range Peers {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			agreed, total := [featureCount]int{}, 0
			var text string
			var next Next
			for i, q := range all {
				if !q.fair(p.Name) || p.Name == "gronx" && i%4 != 0 { // a hundred times slower than the others
					continue
				}
				if q.text != text {
					var err error
					if next, err = p.Parse(q.text, q.zone); err != nil {
						t.Fatalf("%s: %v", q.text, err)
					}
					text = q.text
				}
				if got := next(q.after); !got.Equal(q.slot) {
					t.Errorf("%s  %s  %s\n%s\t%s\nrota\t%s", q.text, q.zone, q.after, p.Name, got, q.slot)
					continue
				}
				total++
				for _, f := range q.uses {
					agreed[f]++
				}
			}
			t.Logf("%s and rota agree in %d cases", p.Name, total)
			for f, n := range agreed {
				if asked(p.Name, []feature{feature(f)}) && n < 10 {
					t.Errorf("only %d cases with: %s", n, grammar[f].says)
				}
			}
		})
	}
}
