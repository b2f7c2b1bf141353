package peers

import (
	"errors"
	"strings"
	"time"

	"github.com/adhocore/gronx"
	supercronic "github.com/aptible/supercronic/cronexpr"
	"github.com/hashicorp/cronexpr"
	"github.com/robfig/cron/v3"

	"rota/schedule"
)

// Next returns the first slot strictly after an instant. Peers take the time
// zone from the instant's location. The zero Time means that there is none, or
// that the peer gave up.
type Next func(after time.Time) time.Time

// Parser is a reader of cron expressions.
type Parser struct {
	Name  string
	Parse func(text string, zone *time.Location) (Next, error)
}

// Rota is what the peers are held against.
var Rota = Parser{"rota", parseRota}

// Peers are the other parsers, in the order of the tables.
var Peers = []Parser{
	{"robfig", parseRobfig},
	{"gronx", parseGronx},
	{"cronexpr", parseCronexpr},
	{"supercronic", parseSupercronic},
}

// All returns Rota and its peers.
func All() []Parser { return append([]Parser{Rota}, Peers...) }

func parseRota(text string, zone *time.Location) (Next, error) {
	s, faults := schedule.Parse(schedule.Keys{"cron": {text}}, zone)
	if faults != nil {
		return nil, faults[0]
	}
	return s.Next, nil
}

var robfig = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func parseRobfig(text string, _ *time.Location) (Next, error) {
	s, err := robfig.Parse(text)
	if err != nil {
		return nil, err
	}
	return s.Next, nil
}

// parseGronx only checks the text: gronx has nothing to keep a parsed
// expression in and reads the text again in each call.
func parseGronx(text string, _ *time.Location) (Next, error) {
	if !gronx.IsValid(text) {
		return nil, errors.New("not valid")
	}
	return func(after time.Time) time.Time {
		next, err := gronx.NextTickAfter(text, after, false)
		if err != nil {
			return time.Time{}
		}
		return next
	}, nil
}

func parseCronexpr(text string, _ *time.Location) (Next, error) {
	e, err := cronexpr.Parse(withYear(text))
	if err != nil {
		return nil, err
	}
	return e.Next, nil
}

func parseSupercronic(text string, _ *time.Location) (Next, error) {
	e, err := supercronic.ParseStrict(withYear(text))
	if err != nil {
		return nil, err
	}
	return e.Next, nil
}

// withYear adds any year to an expression of six fields, which gorhill's
// parser and its children would read as five and a year.
func withYear(text string) string {
	if len(strings.Fields(text)) == 6 {
		return text + " *"
	}
	return text
}
