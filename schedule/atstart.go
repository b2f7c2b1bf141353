package schedule

import "time"

// atStart has no slots in time: it fires at each start of the "daemon" or, for "boot",
// at the first one after a boot.
type atStart string

func (atStart) next(int64) int64  { return never }
func (atStart) note(int64) string { return "" }
func (atStart) hours() window     { return wholeDay }

func (a atStart) means() string {
	if a == "boot" {
		return "once after the machine has started"
	}
	return "each time rota starts"
}

func (d *builder) parseAtStart(v value) {
	switch v.text {
	case "true", "daemon":
		d.boot = "daemon"
	case "boot":
		d.boot = "boot"
	case "false":
		d.add(v.whole("remove at_start", "at_start = false is not a trigger"))
	default:
		d.add(v.whole(`write "daemon" or "boot"`, "unknown start %q", v.text))
	}
}

func (d *builder) buildAtStart(p *plan, _ *wall) {
	p.trigger, p.zone = atStart(d.boot), nil
	p.delay = time.Duration(max(0, d.delay)) * time.Second
}
