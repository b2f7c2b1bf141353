package schedule

// Explain says in plain English when the trigger fires.
func (s Spec) Explain() string {
	if s.p == nil {
		return "never"
	}
	return s.p.means()
}

func (c *calendar) means() string { return "" }
func (i *interval) means() string { return "every " + secondsText(i.every) }
func (o *once) means() string     { return "" }
func (a atStart) means() string   { return "when the " + string(a) + " starts" }
