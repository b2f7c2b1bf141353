package config

import "testing"

// The times of a task are those of its first trigger with a wall clock.
func TestZoneOf(t *testing.T) {
	c := parse(t, `
[rota]
timezone = "Europe/Berlin"
[tasks.t]
command = "true"
triggers = [{ interval = "1h" }, { once = "2030-12-24T18:00:00Z" }, { at = "09:00", timezone = "Asia/Tokyo" }]
[tasks.none]
command = "true"
interval = "1h"
[tasks.hours]
command = "true"
interval = "1h"
between = "08:00-18:00"
timezone = "Asia/Tokyo"
`)
	for task, want := range map[string]string{"t": "Asia/Tokyo", "none": "Europe/Berlin", "hours": "Asia/Tokyo", "unknown": "Europe/Berlin"} {
		if got := c.Tasks.Get(task).Zone; got != want && task != "unknown" {
			t.Errorf("%s: its templates are in %s, want %s", task, got, want)
		}
		if got := c.ZoneOf(task).String(); got != want {
			t.Errorf("%s: got %s, want %s", task, got, want)
		}
	}
}
