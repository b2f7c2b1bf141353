package schedule

// Fixed reports whether the trigger names times of the day (rule 3): weekday,
// monthday and at triggers do, and cron ones whose minute and hour fields do not
// begin with "*". A change of the clock is made up for such a one alone.
func (s Spec) Fixed() bool {
	if s.p == nil {
		return false
	}
	c, ok := s.p.trigger.(*calendar)
	return ok && c.fixed
}
