package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A value that the time package would silently take for UTC is refused.
func TestZoneFault(t *testing.T) {
	const orName = `write a name such as "Europe/Berlin" or "UTC", in TZ or as timezone in [rota]`
	for _, c := range []struct{ tz, inForce, msg, hint string }{
		{"", "Local", "", ""},
		{"", "UTC", "", ""},
		{"UTC", "UTC", "", ""},
		{":UTC", "UTC", "", ""},
		{"Europe/Berlin", "Europe/Berlin", "", ""},
		{":Europe/Berlin", "Europe/Berlin", "", ""},
		{"right/UTC", "right/UTC", "", ""},
		{"/etc/localtime", "Local", "", ""},
		{":/etc/localtime", "Local", "", ""},
		{"/srv/zone", "/srv/zone", "", ""},
		{"UTC0", "UTC", "", ""},
		{"GMT-0", "UTC", "", ""},
		{"<+00>0", "UTC", "", ""},
		{"CET-1CEST,M3.5.0,M10.5.0/3", "UTC", `TZ=CET-1CEST,M3.5.0,M10.5.0/3 in the environment: "CET-1CEST,M3.5.0,M10.5.0/3" is a POSIX time zone string, not a name`, orName},
		{"JST-9", "UTC", `TZ=JST-9 in the environment: "JST-9" is a POSIX time zone string, not a name`, orName},
		{"Mars/Olympus", "UTC", `TZ=Mars/Olympus in the environment: unknown time zone "Mars/Olympus"`, orName},
		{"Europe/Berln", "UTC", `TZ=Europe/Berln in the environment: unknown time zone "Europe/Berln"`, `did you mean "Europe/Berlin", in TZ or as timezone in [rota]`},
		{"PST", "UTC", `TZ=PST in the environment: unknown time zone "PST"`, `write a name such as "America/Los_Angeles", in TZ or as timezone in [rota]`},
		{"/no/such", "UTC", "TZ=/no/such in the environment: /no/such holds no time zone", orName},
	} {
		msg, hint := "", ""
		if fault := zoneFault(c.tz, c.inForce); fault != nil {
			msg, hint = fault.Msg, fault.Hint
		}
		if msg != c.msg || hint != c.hint {
			t.Errorf("TZ=%s: got %q; %q, want %q; %q", c.tz, msg, hint, c.msg, c.hint)
		}
	}
}

// A file that names its zone does not depend on the environment.
func TestZoneOfTheEnvironment(t *testing.T) {
	t.Setenv("TZ", "Mars/Olympus")
	_, err := Parse("jobs.toml", "[tasks]\n", Options{})
	if e := (*Errors)(nil); !errors.As(err, &e) || len(e.Faults) != 1 || e.Faults[0].Line != 0 {
		t.Errorf("got %v", err)
	}
	if _, err := Parse("jobs.toml", "[rota]\ntimezone = \"UTC\"\n[tasks]\n", Options{}); err != nil {
		t.Error(err)
	}
}

func TestZoneChange(t *testing.T) {
	dir := t.TempDir()
	link := func(name, data string) machineZone {
		t.Helper()
		path := filepath.Join(dir, "zoneinfo", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(localtime)
		if err := os.Symlink(path, localtime); err != nil {
			t.Fatal(err)
		}
		return readMachineZone()
	}
	was := localtime
	localtime = filepath.Join(dir, "localtime")
	t.Cleanup(func() { localtime = was })
	berlin := link("Europe/Berlin", "berlin")
	tokyo := link("Asia/Tokyo", "tokyo")
	vienna := link("Europe/Vienna", "berlin")
	update := link("Europe/Berlin", "berlin of 2027")
	_ = os.Remove(localtime)
	gone := readMachineZone()
	for _, c := range []struct {
		from, to machineZone
		want     string
	}{
		{berlin, berlin, ""},
		{berlin, vienna, ""},
		{berlin, tokyo, "the time zone of this machine changed from Europe/Berlin to Asia/Tokyo: restart rota to follow it"},
		{berlin, update, "the time zone of this machine changed: restart rota to follow it"},
		{berlin, gone, "the time zone of this machine changed: restart rota to follow it"},
	} {
		if got := c.from.change(c.to); got != c.want {
			t.Errorf("%v to %v: got %q, want %q", c.from, c.to, got, c.want)
		}
	}
	if got := (&Config{Rota: Rota{Timezone: time.UTC}}).ZoneChange(); got != "" {
		t.Errorf("of a file with a zone of its own: %q", got)
	}
}
