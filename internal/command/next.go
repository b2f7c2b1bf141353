package command

import (
	"cmp"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"rota/config"
	"rota/internal/api"
	"rota/schedule"
)

// maxSlots bounds the slots that next computes.
const maxSlots = 100_000

func nextCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "next",
		Category:  "See what happens",
		Usage:     "show when tasks come due next",
		ArgsUsage: "[TASK…]",
		Description: `Soonest first. With --from or --offline it is computed from the file alone: an
interval counts from --from, or from now, as if its task were first seen then.

TIME is "2026-12-24 18:00" or "2026-12-24" in the zone of [rota], or RFC 3339;
"18:00" for the next one; or "2h30m" from now (for --until: from --from).

  rota next
  rota next backup -n 10
  rota next --until 24h
  rota next backup --from 2027-03-27 -n 3 --json`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "n", Usage: "`N` slots of each task (1; 5 if tasks are named; all with --until)"},
			&cli.StringFlag{Name: "from", Usage: "slots after `TIME` instead of after now"},
			&cli.StringFlag{Name: "until", Usage: "slots up to `TIME`"},
			&cli.BoolFlag{Name: "offline", Usage: "compute from the file, not from the daemon"},
		},
		Action: func(c *cli.Context) error {
			if c.IsSet("n") && c.Int("n") < 1 {
				return misuse("next", "-n has to be 1 or more")
			}
			if c.IsSet("from") || c.Bool("offline") {
				return s.nextOffline(c)
			}
			return s.next(c)
		},
	}
}

// next prints the slots that the daemon, or the reader in its place, returns.
func (s *session) next(c *cli.Context) error {
	r, done, err := s.reader(c)
	if err != nil {
		return err
	}
	defer done()
	q := api.NextQuery{Tasks: c.Args().Slice(), N: perTask(c)}
	if c.IsSet("until") {
		if q.Until, err = instant(c.String("until"), time.Now(), s.zone(c)); err != nil {
			return misuse("next", "--until cannot be %q: %v", c.String("until"), err)
		}
	}
	w := s.when(c)
	slots, err := r.Next(c.Context, q)
	if err != nil {
		return err
	}
	// The tasks have the zones, and the reason if one has no slot.
	tasks, err := r.Tasks(c.Context, q.Tasks...)
	if err != nil {
		return err
	}
	zones := map[string]*time.Location{}
	for _, t := range tasks {
		zones[t.Task] = zoneNamed(c, t.Timezone)
	}
	for i, x := range slots {
		if zone := zones[x.Task]; zone != nil {
			slots[i].At = x.At.In(zone)
		}
	}
	if c.Bool("json") {
		return s.json(s.out, map[string][]api.Slot{"next": listed(slots)})
	}
	g := grid{shrink: []int{3}}
	for _, x := range slots {
		g.rows = append(g.rows, []string{w.till(x.At), fullTime(x.At), cmp.Or(x.Request, x.Task), x.Note})
	}
	for _, t := range tasks {
		if t.Next.IsZero() && !slices.ContainsFunc(slots, func(x api.Slot) bool { return x.Task == t.Task }) {
			g.rows = append(g.rows, []string{"-", "-", t.Task, scheduleOf(t)})
		}
	}
	if len(g.rows) == 0 && !q.Until.IsZero() {
		s.printNotice(c, "nothing is due until "+w.full(q.Until))
	}
	return g.print(s.out, s.width())
}

// perTask is how many slots of each task are wanted; 0: all, up to --until.
func perTask(c *cli.Context) int {
	switch {
	case c.IsSet("n"):
		return c.Int("n")
	case c.IsSet("until"):
		return 0 // all of them
	case c.Args().Present():
		return 5
	}
	return 1
}

// nextOffline prints the slots from the file alone.
func (s *session) nextOffline(c *cli.Context) error {
	cfg, err := load(c, true)
	if err != nil {
		return err
	}
	q, err := newQuery(c, cfg)
	if err != nil {
		return err
	}
	slots, never, err := q.slots(c, cfg)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return s.json(s.out, map[string][]slotJSON{"next": slotsJSON(slots)})
	}
	if len(slots)+len(never) == 0 && len(q.tasks) > 0 {
		s.printNotice(c, "nothing is due from "+fullTime(q.from.In(q.until.Location()))+" until "+fullTime(q.until))
	}
	return s.showSlots(q, slots, never)
}

// nextQuery is a query of next that the file alone answers.
type nextQuery struct {
	tasks       []config.Task
	n           int // of each task
	now         time.Time
	from, until time.Time // zero until: no bound
	given       bool      // from was
}

func newQuery(c *cli.Context, cfg *config.Config) (nextQuery, error) {
	q := nextQuery{now: time.Now(), n: perTask(c)}
	q.from = q.now
	zone := zoneOf(c, cfg, schedule.Spec{})
	for _, t := range []struct {
		flag string
		to   *time.Time
	}{{"from", &q.from}, {"until", &q.until}} {
		text := c.String(t.flag)
		if !c.IsSet(t.flag) {
			continue
		}
		at, err := instant(text, q.from, zone)
		if err != nil {
			return q, misuse("next", "--%s cannot be %q: %v", t.flag, text, err)
		}
		*t.to = at
	}
	q.given = c.IsSet("from")
	names := c.Args().Slice()
	if len(names) == 0 {
		names = taskNames(cfg)
	}
	for _, name := range names {
		t, found := cfg.Tasks.Find(name)
		if !found {
			return q, noTask(name, cfg)
		}
		q.tasks = append(q.tasks, t)
	}
	return q, nil
}

// slots returns the slots, in time order, and the tasks that have no slot after from.
func (q nextQuery) slots(c *cli.Context, cfg *config.Config) (slots []slot, never []config.Task, err error) {
	since := "now"
	if q.given {
		since = "--from"
	}
	for _, t := range q.tasks {
		walk := newSeries(c, cfg, t, q.from, since)
		for n := 0; n < q.n || q.n == 0; n++ {
			next, found := walk.next()
			if !found && n == 0 {
				never = append(never, t)
			}
			if !found || !q.until.IsZero() && next.at.After(q.until) {
				break
			}
			if len(slots) == maxSlots {
				return nil, nil, misuse("next", "more than %d slots: give an earlier --until, or -n", maxSlots)
			}
			slots = append(slots, next)
		}
	}
	slices.SortFunc(slots, bySlot)
	return slots, never, nil
}

type slotJSON struct {
	Task string `json:"task"`
	At   string `json:"at"`
	Note string `json:"note"`
}

func slotsJSON(slots []slot) []slotJSON {
	list := make([]slotJSON, len(slots))
	for i, s := range slots {
		list[i] = slotJSON{s.task, s.at.Format(time.RFC3339), s.note}
	}
	return list
}

// showSlots prints a table. With --from it has no column of the time from now.
func (s *session) showSlots(q nextQuery, slots []slot, never []config.Task) error {
	g := grid{shrink: []int{3}}
	for _, x := range slots {
		g.rows = append(g.rows, []string{when{now: q.now}.till(x.at), fullTime(x.at), x.task, x.note})
	}
	for _, t := range never {
		g.rows = append(g.rows, []string{"-", "-", t.Name, noSlotText(t)})
	}
	if q.given {
		g.shrink = []int{2}
		for i, row := range g.rows {
			g.rows[i] = row[1:]
		}
	}
	return g.print(s.out, s.width())
}
