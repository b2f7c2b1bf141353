package command

import (
	"bytes"
	"testing"
)

func TestGrid(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	table := func() grid {
		return grid{
			head: []string{"TASK", "SCHEDULE", "DOES"},
			rows: [][]string{
				{"backup", "every day at 02:30", "tar -cf /srv/backup.tar /home"},
				{"日本", "by hand", "x\x1by"},
			},
			shrink: []int{2, 1},
		}
	}
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, `
TASK    SCHEDULE            DOES
backup  every day at 02:30  tar -cf /srv/backup.tar /home
日本    by hand             x\x1by
`},
		{50, `
TASK    SCHEDULE            DOES
backup  every day at 02:30  tar -cf /srv/backup.t…
日本    by hand             x\x1by
`},
		{36, `
TASK    SCHEDULE            DOES
backup  every day at 02:30  tar -cf…
日本    by hand             x\x1by
`},
		{26, `
TASK    SCHEDULE    DOES
backup  every day…  tar -…
日本    by hand     x\x1by
`},
		{3, `
TA…
ba…
日…
`},
	} {
		var b bytes.Buffer
		err := table().print(&b, test.width)
		if got := "\n" + b.String(); err != nil || got != test.want {
			t.Errorf("in %d columns:%s%v\nwant:%s", test.width, got, err, test.want)
		}
	}
	var b bytes.Buffer
	if err := (grid{head: []string{"TASK"}}).print(&b, 80); err != nil || b.Len() > 0 {
		t.Errorf("no tasks: %q, %v, want nothing", b.String(), err)
	}
}
