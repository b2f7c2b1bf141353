package page

import (
	"strings"
	"time"

	"rota/internal/api"
	"rota/schedule"
)

// status is the status of rota, at the top of all pages.
type status struct {
	Host, Version, Zone                       string
	Up                                        moment
	Loaded                                    moment
	Broken                                    string // what is wrong with the file
	Differs                                   bool   // the file on the disk is not the one in force
	Draining                                  string
	Trouble                                   []string
	Running, Waiting, Held                    int
	Whole                                     bool // the visitor may see all of rota
	CanHold, CanRelease, CanCancel, CanReload bool
}

// statusOfRota queries the status of rota, once for each request.
func (v *visit) statusOfRota() (api.Status, error) {
	if v.known == nil {
		s, err := v.Service.Status(v.r.Context())
		if err != nil {
			return s, err
		}
		v.known = &s
	}
	return *v.known, nil
}

// serverZone is the zone of rota.
func (v *visit) serverZone() *time.Location {
	if s, err := v.statusOfRota(); err == nil && s.Timezone != "" {
		if at, err := schedule.Zone(s.Timezone); err == nil {
			return at
		}
	}
	return time.Local
}

func (v *visit) status() (status, error) {
	s, err := v.statusOfRota()
	if err != nil {
		return status{}, err
	}
	at := status{
		Host: v.p.host, Version: s.Version, Zone: v.zone.choice, Up: v.ago(s.Started, ""), Loaded: v.ago(s.Loaded, ""),
		Broken: s.Broken, Differs: s.Differs && s.Broken == "", Running: s.Running, Waiting: s.Waiting, Held: s.Held,
		Whole:   v.Caller.OverAll() != "",
		CanHold: v.mayAll(api.MayControl) && s.Held < s.Tasks, CanRelease: v.mayAll(api.MayControl) && s.Held > 0,
		CanCancel: v.mayAll(api.MayControl) && s.Waiting > 0, CanReload: v.mayAll(api.MayControl),
	}
	at.Up.Text = strings.TrimSuffix(at.Up.Text, " ago")
	if at.Up.Rel != "" {
		at.Up.Rel = "up"
	}
	switch at.Zone {
	case "task", "server":
		at.Zone = v.serverZone().String()
	case "utc":
		at.Zone = "UTC"
	}
	if at.Zone == "Local" {
		at.Zone = v.now.In(time.Local).Format("MST")
	}
	at.Trouble = s.Trouble
	for _, u := range s.Undelivered {
		at.Trouble = append(at.Trouble, "notifications to "+u.Target+" are not delivered: "+u.Error)
	}
	if s.Draining {
		at.Draining = "Nothing new starts: rota is drained"
		if !s.DrainingUntil.IsZero() {
			at.Draining += " until " + v.at(s.DrainingUntil, "").Text
		}
		at.Draining += "."
	}
	return at, nil
}
