package peers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// expression is a random cron expression and the features that it uses.
type expression struct {
	text string
	uses []feature
}

func (e *expression) use(f feature) {
	if !slices.Contains(e.uses, f) {
		e.uses = append(e.uses, f)
	}
}

// randomExpression writes an expression that rota's grammar admits; it may
// never fire.
func randomExpression(r *rand.Rand) expression {
	var e expression
	e.use(plain)
	if r.IntN(20) == 0 {
		e.alias(r)
		return e
	}
	dom, dow := e.field(r, 1, 31, nil), e.field(r, 0, 6, weekdayNames)
	switch r.IntN(4) {
	case 0:
		dom = e.specialDay(r)
	case 1:
		dow = e.specialWeekday(r)
	case 2:
		if r.IntN(2) == 0 {
			dom = "*"
		} else {
			dow = "*"
		}
	}
	open := func(text string) bool { return text == "*" || text == "?" }
	if !open(dom) && !open(dow) {
		if dom[0] == '*' || dow[0] == '*' {
			e.use(starStepDay)
		} else {
			e.use(eitherDay)
		}
	}
	fields := []string{e.field(r, 0, 59, nil), e.field(r, 0, 23, nil), dom, e.field(r, 1, 12, monthNames), dow}
	if r.IntN(6) == 0 {
		e.use(seconds)
		fields = append([]string{e.field(r, 0, 59, nil)}, fields...)
	}
	blank := " "
	if r.IntN(20) == 0 {
		e.use(tabs)
		blank = "\t "
	}
	e.text = strings.Join(fields, blank)
	return e
}

var (
	monthNames   = []string{"JAN", "feb", "Mar", "apr", "may", "JUN", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"SUN", "mon", "Tue", "wed", "thu", "fri", "SAT"}
)

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func (e *expression) alias(r *rand.Rand) {
	switch r.IntN(6) {
	case 0:
		e.use(midnight)
		e.text = "@midnight"
	case 1:
		e.use(capitalAlias)
		e.text = pick(r, "@Daily", "@HOURLY", "@Weekly")
	case 2:
		e.use(every)
		e.text = fmt.Sprintf("@every %dm%ds", 1+r.IntN(3000), r.IntN(60))
	default:
		e.use(alias)
		e.text = pick(r, "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly")
	}
}

// field writes one field with the given values, the first of which has the
// first name.
func (e *expression) field(r *rand.Rand, low, high int, named []string) string {
	days := high == 6
	switch r.IntN(8) {
	case 0, 1:
		return "*"
	case 2:
		step := 2 + r.IntN(min(high, 30)-1)
		if r.IntN(20) == 0 && high > 12 && high != 31 { // of months and days all admit it
			e.use(wholeStep)
			step = high - low + 1
		}
		return fmt.Sprintf("*/%d", step)
	case 3:
		if days || high == 31 {
			e.use(questionMark)
			return "?"
		}
	}
	items := []string{e.item(r, low, high, named)}
	for r.IntN(3) == 0 {
		items = append(items, e.item(r, low, high, named))
	}
	return strings.Join(items, ",")
}

func (e *expression) item(r *rand.Rand, low, high int, named []string) string {
	days := high == 6
	value := func(n int) string {
		switch {
		case named != nil && r.IntN(3) == 0:
			e.use(names)
			return named[n-low]
		case days && r.IntN(20) == 0:
			e.use(twoDigitDay)
			return fmt.Sprintf("%02d", n)
		case !days && r.IntN(4) == 0:
			e.use(twoDigits)
			return fmt.Sprintf("%02d", n)
		}
		return fmt.Sprint(n)
	}
	a, b := low+r.IntN(high-low+1), low+r.IntN(high-low+1)
	upward := func() string {
		if days && max(a, b) == 0 {
			e.use(toZero)
		}
		return value(min(a, b)) + "-" + value(max(a, b))
	}
	step := 1 + r.IntN(min(high, 12))
	switch r.IntN(8) {
	case 0, 1:
		if b < a && named != nil && r.IntN(6) == 0 {
			e.use(wrapped)
			return value(a) + "-" + value(b)
		}
		return upward()
	case 2:
		return fmt.Sprintf("%s/%d", upward(), step)
	case 3:
		e.use(fromN)
		return fmt.Sprintf("%s/%d", value(a), step)
	case 4:
		if days && r.IntN(3) == 0 {
			e.use(toSeven)
			return fmt.Sprintf("%d-7", 1+a)
		}
	case 5:
		if days && r.IntN(2) == 0 {
			e.use(seven)
			return "7"
		}
	}
	return value(a)
}

// specialDay writes a day-of-month field with what is no plain number.
func (e *expression) specialDay(r *rand.Rand) string {
	var items []string
	for range 1 + r.IntN(2) {
		switch r.IntN(4) {
		case 0:
			e.use(lastWorkday)
			items = append(items, "LW")
		case 1:
			e.use(lastDay)
			items = append(items, "L")
		default:
			e.use(nearWorkday)
			items = append(items, fmt.Sprintf("%dW", 1+r.IntN(31)))
		}
	}
	if r.IntN(3) == 0 {
		items = append(items, e.item(r, 1, 31, nil))
	}
	return strings.Join(items, ",")
}

// specialWeekday writes a day-of-week field with what is no plain weekday.
func (e *expression) specialWeekday(r *rand.Rand) string {
	var items []string
	for range 1 + r.IntN(2) {
		day := fmt.Sprint(r.IntN(7))
		if r.IntN(3) == 0 {
			e.use(names)
			day = weekdayNames[r.IntN(7)]
		}
		if r.IntN(2) == 0 {
			e.use(lastWeekday)
			items = append(items, day+"L")
		} else {
			e.use(nthWeekday)
			items = append(items, fmt.Sprintf("%s#%d", day, 1+r.IntN(5)))
		}
	}
	if r.IntN(3) == 0 {
		items = append(items, e.item(r, 0, 6, weekdayNames))
	}
	return strings.Join(items, ",")
}
