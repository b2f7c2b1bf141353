package why

import "fmt"

// held answers about a slot whose task was held.
func (a *answer) held() {
	s := a.hold(a.at)
	if s == nil {
		a.because("held")
		a.say("It was %s", a.why(*a.run))
		return
	}
	a.because(a.holder(s))
	a.holding(s)
}

// holder returns the reason of a hold: "breaker" for a hold by rota, after failures.
func (a *answer) holder(s *span) string {
	if s.by == "rota" {
		return "breaker"
	}
	return "held"
}

// holding says who held the task, and when.
func (a *answer) holding(s *span) {
	text := fmt.Sprintf("%s held%s %s%s", a.was(s), part(" by ", s.by, ""), a.stretch(s), part(" (", plain(s.why), ")"))
	a.say("It %s", text)
	if a.was(s) != "was" {
		a.say("To release it: rota release %s", a.name)
	}
}
