package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"rota/schedule"
)

// Files without a timezone use the zone of TZ in the environment, or of this machine.
// The time package silently replaces an unknown zone by UTC.

// posixUTC matches POSIX strings that mean UTC, for which UTC is right.
var posixUTC = regexp.MustCompile(`^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)[+-]?0{1,2}(?::00){0,2}$`)

// LocalZone returns the time zone of the environment. The error is a
// [schedule.Fault] if TZ names none.
func LocalZone() (*time.Location, error) {
	if fault := zoneFault(os.Getenv("TZ"), time.Local.String()); fault != nil {
		return nil, *fault
	}
	return time.Local, nil
}

// zoneFault returns the fault of a value of TZ that the time package has replaced by
// the zone in force; nil if TZ is valid.
func zoneFault(tz, inForce string) *schedule.Fault {
	name := strings.TrimPrefix(tz, ":")
	if name == "" || name == inForce || name == "UTC" || name == "/etc/localtime" && inForce == "Local" || posixUTC.MatchString(name) {
		return nil
	}
	fault := schedule.Fault{Msg: name + " holds no time zone", Hint: `write a name such as "Europe/Berlin" or "UTC"`}
	if !filepath.IsAbs(name) {
		_, err := schedule.Zone(name)
		errors.As(err, &fault)
	}
	fault.Msg = fmt.Sprintf("TZ=%s in the environment: %s", tz, fault.Msg)
	fault.Hint = strings.TrimSuffix(fault.Hint, "?") + ", in TZ or as timezone in [rota]"
	return &fault
}

// checkZone complains if the file uses the zone of the environment and that is not valid.
func (l *loader) checkZone(file *source) {
	if rota, _ := file.data["rota"].(map[string]any); rota["timezone"] != nil {
		return
	}
	c := complaint{whole: true, location: location{l: l, src: file}}
	tz := os.Getenv("TZ")
	if fault := zoneFault(tz, time.Local.String()); fault != nil {
		c.Fault = Fault{Msg: fault.Msg, Hint: fault.Hint}
		l.add(c)
	} else if fault := schedule.ZoneWarning(strings.TrimPrefix(tz, ":")); fault != nil {
		c.Fault = Fault{Msg: "TZ in the environment: " + fault.Msg, Hint: fault.Hint, Warning: true}
		l.add(c)
	}
}

// localtime is the file that holds the zone of the machine.
var localtime = "/etc/localtime"

// machineZone is the zone of this machine: its name, if localtime is a link that has
// it, and the content of the file.
type machineZone struct {
	name, data string
}

func readMachineZone() (z machineZone) {
	data, _ := os.ReadFile(localtime)
	z.data = string(data)
	path, _ := os.Readlink(localtime)
	_, z.name, _ = strings.Cut(path, "zoneinfo/")
	return z
}

// firstZone returns the zone of this machine at the first call, which the time package
// uses as long as the process lives.
var firstZone = sync.OnceValue(readMachineZone)

// ZoneChange returns a message if the file uses the zone of this machine and that has
// changed since rota started; "" otherwise.
func (c *Config) ZoneChange() string {
	if _, given := os.LookupEnv("TZ"); given || c.Rota.Timezone != time.Local {
		return ""
	}
	return firstZone().change(readMachineZone())
}

func (z machineZone) change(to machineZone) string {
	if z.data == to.data {
		return ""
	}
	text := "the time zone of this machine changed"
	if z.name != "" && to.name != "" && z.name != to.name {
		text += " from " + z.name + " to " + to.name
	}
	return text + ": restart rota to follow it"
}
