package schedule

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a host without zone data is no obstacle
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
		if near := closest(name, names); near != "" {
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
