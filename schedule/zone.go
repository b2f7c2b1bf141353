package schedule

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // for hosts without zone data
)

//go:generate sh -c "unzip -Z1 $(go env GOROOT)/lib/time/zoneinfo.zip | grep -v -e /$ -e Factory | LC_ALL=C sort >zones.txt"

//go:embed zones.txt
var zoneText string

// zoneNames are the zones that the zone data names, in byte order, without
// Factory.
var zoneNames = sync.OnceValue(func() []string { return strings.Fields(zoneText) })

var zones sync.Map // name -> *time.Location

// Zone returns the time zone of a name of the IANA time zone database, such as
// "Europe/Berlin" or "UTC". Only names that Go's zone data has are known, in
// their own spelling; "", "Local", offsets and abbreviations are not. Asked
// again it returns the same pointer. The error is a [Fault].
func Zone(name string) (*time.Location, error) {
	z, fault := zoneOf(name)
	if fault != nil {
		return nil, *fault
	}
	return z, nil
}

func zoneOf(name string) (*time.Location, *Fault) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	const usual = `write a name such as "Europe/Berlin" or "UTC"`
	names := zoneNames()
	if _, found := slices.BinarySearch(names, name); !found {
		switch {
		case name == "":
			return nil, &Fault{Msg: "empty time zone", Hint: usual}
		case strings.EqualFold(name, "local"):
			return nil, &Fault{Msg: fmt.Sprintf("time zone %q differs between machines", name), Hint: usual + ", or remove timezone for the host's"}
		}
		hint := usual
		switch region, near := abbreviations[strings.ToUpper(name)], closest(name, names); {
		case region != "":
			hint = fmt.Sprintf("write a name such as %q", region)
		case offset.MatchString(name):
			hint = offsetHint(name)
		case posixZone.MatchString(name):
			return nil, &Fault{Msg: fmt.Sprintf("%q is a POSIX time zone string, not a name", name), Hint: usual}
		case near != "":
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, &Fault{Msg: fmt.Sprintf("unknown time zone %q", name), Hint: hint}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, &Fault{Msg: fmt.Sprintf("time zone %q cannot be read", name), Hint: err.Error()}
	}
	z, _ := zones.LoadOrStore(name, loc)
	return z.(*time.Location), nil
}

// abbreviations are what clocks show, with a place that may be meant. Several zones
// may show the same.
var abbreviations = map[string]string{
	"PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "PT": "America/Los_Angeles",
	"MDT": "America/Denver", "CST": "America/Chicago", "CDT": "America/Chicago", "EDT": "America/New_York", "ET": "America/New_York",
	"AKST": "America/Anchorage", "AKDT": "America/Anchorage", "AST": "America/Halifax", "ADT": "America/Halifax", "NST": "America/St_Johns",
	"BST": "Europe/London", "IST": "Asia/Kolkata", "WEST": "Europe/Lisbon", "CEST": "Europe/Berlin", "EEST": "Europe/Athens", "MEZ": "Europe/Berlin", "MESZ": "Europe/Berlin",
	"MSK": "Europe/Moscow", "SAST": "Africa/Johannesburg", "PKT": "Asia/Karachi", "ICT": "Asia/Bangkok", "WIB": "Asia/Jakarta",
	"SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong", "KST": "Asia/Seoul", "JST": "Asia/Tokyo",
	"AWST": "Australia/Perth", "ACST": "Australia/Adelaide", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland",
	"BRT": "America/Sao_Paulo", "ART": "America/Argentina/Buenos_Aires", "Z": "UTC",
}

var (
	offset    = regexp.MustCompile(`^(?:UTC|GMT)?([+-])(\d{1,2})(?::?00)?$`)
	posixZone = regexp.MustCompile(`^:?(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)[+-]?\d{1,2}(?::\d\d){0,2}(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>).*)?$`)
)

// offsetHint names the zone of a whole number of hours. Its sign is the other one,
// as in POSIX.
func offsetHint(text string) string {
	m := offset.FindStringSubmatch(text)
	hours, sign := atoi(m[2]), "-"
	if m[1] == "-" {
		sign = "+"
	}
	name := fmt.Sprintf("Etc/GMT%s%d", sign, hours)
	if hours == 0 {
		name = "UTC"
	}
	if _, known := slices.BinarySearch(zoneNames(), name); !known {
		return `write a name such as "Europe/Berlin" or "UTC"`
	}
	return fmt.Sprintf(`write a name such as "Europe/Berlin", or %q for %s%02d:00 all year`, name, m[1], hours)
}

// fixedZones look like those of a place, but have no summer time.
var fixedZones = map[string]struct{ offset, place string }{
	"EST": {"UTC-5", "America/New_York"},
	"MST": {"UTC-7", "America/Denver"},
	"HST": {"UTC-10", "Pacific/Honolulu"},
}

// ZoneWarning returns a warning about a zone name that is mostly a mistake; nil for all
// other names.
func ZoneWarning(name string) *Fault {
	z, found := fixedZones[name]
	if !found {
		return nil
	}
	return &Fault{
		Msg:  fmt.Sprintf("%s has no summer time: it is %s all year", name, z.offset),
		Hint: fmt.Sprintf("write %q for the clock of that place", z.place),
	}
}
