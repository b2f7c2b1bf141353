package schedule_test

import (
	"fmt"
	"time"

	"rota/schedule"
)

func ExampleParse() {
	zone, err := schedule.Zone("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	s, faults := schedule.Parse(schedule.Keys{"weekday": {"mon-fri"}, "at": {"17:00", "09:00"}}, zone)
	for _, f := range faults {
		fmt.Println(f)
	}
	fmt.Println(s)
	fmt.Println(s.Explain())
	fmt.Println(s.Next(time.Date(2026, 11, 20, 18, 0, 0, 0, zone)))
	// Output:
	// weekday mon-fri at 09:00, 17:00
	// Mon–Fri at 09:00 and 17:00
	// 2026-11-23 08:00:00 +0000 UTC
}

// All faults come at once, each with the bytes that are wrong.
func ExampleParse_faults() {
	_, faults := schedule.Parse(schedule.Keys{"cron": {"75 */6 * * MO"}}, time.UTC)
	for _, f := range faults {
		fmt.Printf("%s, bytes %d to %d: %v\n", f.Key, f.Start, f.End, f)
	}
	// Output:
	// cron, bytes 0 to 2: minute 75 is out of range 0-59; write 0-59
	// cron, bytes 11 to 13: day-of-week "MO" is not known; write 0-7 or SUN…SAT
}

func ExampleParseExpr() {
	for _, text := range []string{"*/15 9-17 * * MON-FRI", "@daily", "monthday 1, last fri at 08:00", "interval 90s"} {
		s, _ := schedule.ParseExpr(text, time.UTC)
		fmt.Println(s.Explain())
	}
	// Output:
	// every 15 minutes from 09:00 to 17:45, Mon–Fri
	// every day at 00:00
	// on the 1st and the last Friday of the month at 08:00
	// every 1m30s
}

// In New York the clock goes from 02:00 to 03:00 on 9 March 2025.
func ExampleSpec_Note() {
	zone, err := schedule.Zone("America/New_York")
	if err != nil {
		panic(err)
	}
	s, _ := schedule.ParseExpr("30 2 * * *", zone)
	at := time.Date(2025, 3, 8, 0, 0, 0, 0, zone)
	for range 3 {
		at = s.Next(at)
		fmt.Printf("%s %q\n", at.In(zone).Format(time.DateTime), s.Note(at))
	}
	// Output:
	// 2025-03-08 02:30:00 ""
	// 2025-03-09 03:00:00 "gap: moved from 02:30"
	// 2025-03-10 02:30:00 ""
}

func ExampleSpec_From() {
	s, _ := schedule.ParseExpr("interval 1h initial_delay 0s", time.UTC)
	s = s.From(time.Date(2026, 11, 20, 10, 20, 0, 0, time.UTC))
	fmt.Println(s.Next(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)))
	fmt.Println(s.Next(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)))
	// Output:
	// 2026-11-20 10:20:00 +0000 UTC
	// 2026-11-21 00:20:00 +0000 UTC
}

func ExampleDuration() {
	d, _ := schedule.Duration("1h30m")
	fmt.Println(d, schedule.FormatDuration(48*time.Hour))
	_, err := schedule.Duration("90")
	fmt.Println(err)
	// Output:
	// 1h30m0s 2d
	// duration "90" has no unit; write "90s"
}

func ExampleAgenda() {
	hourly, _ := schedule.ParseExpr("@hourly", time.UTC)
	daily, _ := schedule.ParseExpr("at 02:30", time.UTC)
	midnight := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

	var a schedule.Agenda
	a.Put(schedule.Entry{Key: "sync", When: hourly, Last: midnight})
	a.Put(schedule.Entry{Key: "backup", When: daily, Last: midnight})
	fmt.Println("first", a.At().Format(time.TimeOnly))

	now := midnight.Add(3 * time.Hour)
	for _, d := range a.Due(now) {
		fmt.Println(d.Key, d.N, d.First.Format(time.TimeOnly), d.Last.Format(time.TimeOnly))
	}
	a.Commit(now)
	fmt.Println("then", a.At().Format(time.TimeOnly))
	// Output:
	// first 01:00:00
	// sync 3 01:00:00 03:00:00
	// backup 1 02:30:00 02:30:00
	// then 04:00:00
}
