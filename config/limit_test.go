package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rota/internal/hungtest"
)

// One load names the path that did not answer, and so does each later one, at
// once, until it has.
func TestLoadGivesUp(t *testing.T) {
	for name, hung := range map[string]string{"the file": "etc", "an include": "etc/conf.d", "dates": "far"} {
		t.Run(name, func(t *testing.T) {
			s := scene{T: t, dir: t.TempDir()}
			s.write("etc/jobs.toml", "a EXCEPT INCLUDE")
			s.write("etc/conf.d/x.toml", "x")
			s.text("far/holidays.txt", "12-25")
			o, seen := Options{Limit: NewLimit(time.Hour)}.Remember()
			_, err := Load(s.path("etc/jobs.toml"), o)
			s.must(err)
			fs := hungtest.Mount(t, s.path(hung))
			o.Limit.time = 100 * time.Millisecond
			if seen.Same() {
				t.Error("nothing is new")
			}
			o.Limit.time = time.Hour // which is never reached
			var u *Unanswered
			for range 3 {
				if _, err := Load(s.path("etc/jobs.toml"), o); !errors.As(err, &u) {
					t.Fatal(err)
				}
			}
			if !strings.HasPrefix(u.Path, s.path(hung)) {
				t.Errorf("it names %s", u.Path)
			}
			s.must(fs.Release())
			<-o.Limit.Answered()
			if _, err := Load(s.path("etc/jobs.toml"), o); err != nil {
				t.Errorf("once it answers: %v", err)
			}
		})
	}
}
