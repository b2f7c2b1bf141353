package schedule

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func mustParse(text string, zone *time.Location) Spec {
	s, faults := ParseExpr(text, zone)
	if faults != nil {
		panic(text + ": " + faults[0].Error())
	}
	return s
}

// Finding the next slot allocates nothing, for every trigger.
func TestNextAllocatesNothing(t *testing.T) {
	after := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for _, text := range benchmarkExprs {
		for _, name := range []string{"UTC", "America/New_York"} {
			zone, err := Zone(name)
			if err != nil {
				t.Fatal(err)
			}
			s := mustParse(text, zone).From(after)
			if n := testing.AllocsPerRun(100, func() { s.Next(after) }); n != 0 {
				t.Errorf("%s in %s: Next allocates %v times", text, name, n)
			}
		}
	}
}

var benchmarkExprs = []string{
	"* * * * *", "*/5 * * * *", "0 3 * * *", "30 4 1,15 * 5", "0 0 29 2 *", "0 0 31 * *", "0 30 2 * * SUN",
	"weekday mon-fri at 09:00, 17:00", "monthday last fri at 08:00", "interval 90s",
	"0 0 15W * *", "*/10 * * * * 5#3", "at 02:30 between 02:00-03:00 except 12-25", "interval 7h between 08:00-09:00",
	"interval 15m weekday mon-fri between 08:00-18:00 except 12-24..01-02", "at 02:30 except sat-sun, 2027-05-01..2027-05-10",
	"every 2 weeks mon at 09:00 starts 2026-01-05", "every 3 months 3rd workday, last workday at 17:00 except 12-25 starts 2026-01-01",
	"every 999 days month feb at 09:00 starts 2026-01-01", "monthday last at 09:00 except sat-sun, 12-24..12-31 on_except next", "0 9 1 * * except sat-sun, 01-01 on_except previous",
}

func BenchmarkNext(b *testing.B) {
	after := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for _, name := range []string{"UTC", "America/New_York"} {
		zone, err := Zone(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, text := range benchmarkExprs {
			s := mustParse(text, zone).From(after)
			b.Run(name+" "+text, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Next(after)
				}
			})
		}
	}
}

// BenchmarkMemory is the memory of a trigger that no other one shares.
func BenchmarkMemory(b *testing.B) {
	for _, keys := range []Keys{{"cron": {"30 4 * * *"}}, {"cron": {"30 4 1,15 * MON-FRI"}}, {"at": {"09:00"}, "weekday": {"mon-fri"}}, {"interval": {"15m"}}, {"at": {"09:00"}, "ends": {"2040-01-01"}}} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			all := make([]Spec, 10_000)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				for i := range all {
					all[i], _ = Parse(keys, time.UTC)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(all)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(all)), "B/trigger")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	keys := Keys{"cron": {"30 4 1,15 * MON-FRI"}}
	for b.Loop() {
		Parse(keys, time.UTC)
	}
}
