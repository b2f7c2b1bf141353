// Package peers holds rota/schedule against other readers of cron expressions:
//
//   - robfig: github.com/robfig/cron/v3, which is under Kubernetes, dkron, ofelia
//     and gocron
//   - gronx: github.com/adhocore/gronx
//   - cronexpr: github.com/hashicorp/cronexpr, under Nomad; a child of gorhill's
//   - supercronic: github.com/aptible/supercronic/cronexpr; another child
//
// It is a module of its own, so that rota needs none of them. In its folder,
//
//	go test ./...                             they agree, and differ as said below
//	go test -run Agree -v -expressions 50000  more of them, and how many cases
//	go run ./ratios                           how much faster rota is, as a table
//	go test -run '^$' -bench .                the same, one by one
//
// # Agreement
//
// Random expressions in 19 time zones are asked for their next slots, from 2001
// to 2091. Where the rules are the same, so is every answer. What is not asked:
//
//   - what lies within a day of a change of the clock (see below);
//   - of robfig and gronx, what lies beyond such a change: they walk along the
//     clock, and may stumble over it;
//   - of robfig, what is more than five years away; of cronexpr and supercronic,
//     what comes after 2099.
//
// And each is asked only about the grammar that it reads as rota does. The table
// says what it makes of the rest:
//
//	                                  robfig      gronx       cronexpr    supercronic
//	values, lists, ranges, steps      asked       asked       asked       asked
//	N/S is N to the maximum by S      asked       asked       asked       asked
//	six fields, seconds first         asked       asked       asked       asked
//	names of months and weekdays      asked       asked       asked       asked
//	? in a day field                  asked       asked       asked       asked
//	two digits                        asked       asked       asked       asked
//	two digits in day-of-week         asked       asked       Sunday      Sunday
//	tabs between fields               asked       asked       asked       asked
//	day-of-month or day-of-week       asked       asked       asked       asked
//	*/n in a day field: both match    one does    asked       one does    one does
//	7 is Sunday                       refused     asked       asked       asked
//	a range to 7                      refused     asked       not Sunday  refused
//	a range to 0                      asked       asked       all days    asked
//	a range past the end              refused     refused     panics      refused
//	a step as long as the field       asked       asked       refused     refused
//	L                                 refused     asked       asked       asked
//	LW                                refused     refused     asked       asked
//	nW                                refused     asked       asked       asked
//	dL                                refused     asked       asked       asked
//	d#n                               refused     asked       asked       asked
//	@yearly … @hourly                 asked       asked       asked       asked
//	@midnight                         asked       refused     refused     refused
//	aliases in any case               refused     asked       refused     refused
//	@every                            asked       refused     refused     refused
//
// Cronexpr and supercronic read six fields as five and a year, where rota, robfig
// and gronx read seconds and five. So they are given "*" as the seventh field.
//
// # Differences
//
// Each case is an expression, a time zone and an instant in it, then the two
// slots that follow it, each asked for from the one before, and who says so.
// Times are those of the wall clock. A parser that "stands still" or goes "back"
// answers with an instant that is not after the one that it was asked from; a
// daemon that trusts it runs the job over and over, or spins.
//
// # In spring
//
// The clock skips 02:00 to 03:00. What was meant for then runs at 03:00, once;
// what begins with "*" follows the clock and runs with the next that exists.
// Robfig, gronx and cronexpr look for 02:30 on the clock and lose the day.
// Supercronic makes 02:30 an instant by time.Date, which in a gap gives one before
// it in New York and one after it in Berlin.
//
//	30 2 * * *  America/New_York  2025-03-09 00:00
//		2025-03-09 03:00 EDT, 2025-03-10 02:30 EDT        rota
//		2025-03-10 02:30 EDT, 2025-03-11 02:30 EDT        robfig gronx cronexpr
//		2025-03-09 01:30 EST, stands still                supercronic
//
//	0,30 2,3 * * *  America/New_York  2025-03-09 00:00
//		2025-03-09 03:00 EDT, 2025-03-09 03:30 EDT        rota robfig gronx cronexpr
//		2025-03-09 01:00 EST, stands still                supercronic
//
//	*/30 2 * * *  America/New_York  2025-03-09 00:00
//		2025-03-10 02:00 EDT, 2025-03-10 02:30 EDT        rota robfig gronx cronexpr
//		2025-03-09 01:00 EST, stands still                supercronic
//
//	*/30 * * * *  America/New_York  2025-03-09 01:30
//		2025-03-09 03:00 EDT, 2025-03-09 03:30 EDT        rota robfig gronx cronexpr
//		back to 2025-03-09 01:00 EST                      supercronic
//
//	30 2 * * *  Europe/Berlin  2025-03-30 00:00
//		2025-03-30 03:00 CEST, 2025-03-31 02:30 CEST      rota
//		2025-03-31 02:30 CEST, 2025-04-01 02:30 CEST      robfig gronx cronexpr
//		2025-03-30 03:30 CEST, 2025-03-31 02:30 CEST      supercronic
//
// The gap may be at midnight, of 30 minutes (Lord Howe) or of two hours (Troll).
//
//	0 0 * * *  Asia/Beirut  2025-03-29 12:00
//		2025-03-30 01:00 EEST, 2025-03-31 00:00 EEST      rota supercronic
//		2025-03-31 00:00 EEST, 2025-04-01 00:00 EEST      robfig gronx cronexpr
//
//	0 0 * * *  America/Sao_Paulo  2018-11-03 12:00
//		2018-11-04 01:00 -02, 2018-11-05 00:00 -02        rota
//		2018-11-05 00:00 -02, 2018-11-06 00:00 -02        robfig gronx cronexpr
//		2018-11-03 23:00 -03, stands still                supercronic
//
//	15 2 * * *  Australia/Lord_Howe  2024-10-06 00:00
//		2024-10-06 02:30 +11, 2024-10-07 02:15 +11        rota
//		2024-10-07 02:15 +11, 2024-10-08 02:15 +11        robfig gronx cronexpr
//		2024-10-06 02:45 +11, 2024-10-07 02:15 +11        supercronic
//
//	0 2 * * *  Antarctica/Troll  2025-03-30 00:00
//		2025-03-30 03:00 +02, 2025-03-31 02:00 +02        rota
//		2025-03-31 02:00 +02, 2025-04-01 02:00 +02        robfig gronx cronexpr
//		2025-03-30 04:00 +02, 2025-03-31 02:00 +02        supercronic
//
// What has nothing to do with the gap is not touched by it. But robfig and gronx
// add hours and days to an instant, and do not always arrive where they mean to.
//
//	0 3 * * *  Australia/Lord_Howe  2024-10-05 12:00
//		2024-10-06 03:00 +11, 2024-10-07 03:00 +11        rota gronx cronexpr supercronic
//		2024-10-07 03:00 +11, 2024-10-08 03:00 +11        robfig
//
//	0 0 * * *  Australia/Lord_Howe  2024-10-06 00:00
//		2024-10-07 00:00 +11, 2024-10-08 00:00 +11        rota gronx cronexpr supercronic
//		2024-10-08 00:00 +11, 2024-10-09 00:00 +11        robfig
//
//	0 12 * * 3  America/Santiago  2025-09-06 12:00
//		2025-09-10 12:00 -03, 2025-09-17 12:00 -03        rota robfig cronexpr supercronic
//		none                                              gronx
//
//	22 * * 9 *  Africa/Casablanca  2009-02-10 01:07
//		2009-09-01 00:22 +00, 2009-09-01 01:22 +00        rota gronx cronexpr supercronic
//		2009-09-01 01:22 +00, 2009-09-01 02:22 +00        robfig
//
// # In autumn
//
// The clock shows 01:00 to 02:00 twice, in New York; 02:00 to 03:00 in Berlin;
// 01:30 to 02:00 in Lord Howe. What names a time runs in the first pass only, and
// what begins with "*" in both. Robfig and cronexpr run everything in both passes;
// gronx and supercronic in the one that time.Date gives: the first in New York,
// the second in Berlin.
//
//	30 1 * * *  America/New_York  2025-11-02 00:00
//		2025-11-02 01:30 EDT, 2025-11-03 01:30 EST        rota gronx supercronic
//		2025-11-02 01:30 EDT, 2025-11-02 01:30 EST        robfig cronexpr
//
//	30 2 * * *  Europe/Berlin  2025-10-26 00:00
//		2025-10-26 02:30 CEST, 2025-10-27 02:30 CET       rota
//		2025-10-26 02:30 CEST, 2025-10-26 02:30 CET       robfig cronexpr
//		2025-10-26 02:30 CET, 2025-10-27 02:30 CET        gronx supercronic
//
//	45 1 * * *  Australia/Lord_Howe  2025-04-06 00:00
//		2025-04-06 01:45 +11, 2025-04-07 01:45 +1030      rota
//		2025-04-06 01:45 +11, 2025-04-06 01:45 +1030      robfig cronexpr
//		2025-04-06 01:45 +1030, 2025-04-07 01:45 +1030    gronx supercronic
//
//	30 23 * * *  America/Sao_Paulo  2018-02-17 12:00
//		2018-02-17 23:30 -02, 2018-02-18 23:30 -03        rota gronx supercronic
//		2018-02-17 23:30 -02, 2018-02-17 23:30 -03        robfig cronexpr
//
//	0 0-23 * * *  America/New_York  2025-11-02 00:00
//		2025-11-02 01:00 EDT, 2025-11-02 02:00 EST        rota gronx supercronic
//		2025-11-02 01:00 EDT, 2025-11-02 01:00 EST        robfig cronexpr
//
//	@hourly  America/New_York  2025-11-02 00:00
//		2025-11-02 01:00 EDT, 2025-11-02 01:00 EST        rota robfig cronexpr
//		2025-11-02 01:00 EDT, 2025-11-02 02:00 EST        gronx supercronic
//
//	@hourly  Europe/Berlin  2025-10-26 01:00
//		2025-10-26 02:00 CEST, 2025-10-26 02:00 CET       rota robfig cronexpr
//		2025-10-26 02:00 CET, 2025-10-26 03:00 CET        gronx supercronic
//
// # A day that never was
//
// Apia had no 30 December 2011. Nothing makes up for a day.
//
//	0 12 30 * *  Pacific/Apia  2011-12-01 00:00
//		2012-01-30 12:00 +14, 2012-03-30 12:00 +14        rota
//		hangs                                             robfig
//		none                                              gronx
//		2011-12-29 12:00 -10, stands still                cronexpr
//		2011-12-31 12:00 +14, 2012-01-30 12:00 +14        supercronic
//
//	0 0 * * *  Pacific/Apia  2011-12-29 13:00
//		2011-12-31 00:00 +14, 2012-01-01 00:00 +14        rota robfig gronx cronexpr
//		back to 2011-12-29 00:00 -10                      supercronic
//
//	0 12 1 * *  Pacific/Apia  2011-12-29 13:00
//		2012-01-01 12:00 +14, 2012-02-01 12:00 +14        rota gronx cronexpr supercronic
//		hangs                                             robfig
//
// # Days
//
// A day has to match both day fields if one begins with "*" or is "?", which is
// what cron does; else either. To robfig only "*" and "*/1" are such, to cronexpr
// and supercronic only "*".
//
//	0 0 */2 * 1  UTC  2026-03-01 00:00
//		2026-03-09 00:00 UTC, 2026-03-23 00:00 UTC        rota gronx
//		2026-03-02 00:00 UTC, 2026-03-03 00:00 UTC        robfig cronexpr supercronic
//
//	0 0 1,15 * */2  UTC  2026-03-01 00:00
//		2026-03-15 00:00 UTC, 2026-08-01 00:00 UTC        rota gronx
//		2026-03-03 00:00 UTC, 2026-03-05 00:00 UTC        robfig cronexpr supercronic
//
//	0 0 */1 * 1  UTC  2026-03-01 00:00
//		2026-03-02 00:00 UTC, 2026-03-09 00:00 UTC        rota robfig gronx
//		2026-03-02 00:00 UTC, 2026-03-03 00:00 UTC        cronexpr supercronic
//
//	0 0 L * *  UTC  2026-02-01 00:00
//		2026-02-28 00:00 UTC, 2026-03-31 00:00 UTC        rota gronx cronexpr supercronic
//		refused                                           robfig
//
//	0 0 LW * *  UTC  2026-02-01 00:00
//		2026-02-27 00:00 UTC, 2026-03-31 00:00 UTC        rota cronexpr supercronic
//		refused                                           robfig gronx
//
//	0 0 15W * *  UTC  2026-03-01 00:00
//		2026-03-16 00:00 UTC, 2026-04-15 00:00 UTC        rota gronx cronexpr supercronic
//		refused                                           robfig
//
//	0 0 * * 5L  UTC  2026-03-01 00:00
//		2026-03-27 00:00 UTC, 2026-04-24 00:00 UTC        rota gronx cronexpr supercronic
//		refused                                           robfig
//
//	0 0 * * 5#2  UTC  2026-03-01 00:00
//		2026-03-13 00:00 UTC, 2026-04-10 00:00 UTC        rota gronx cronexpr supercronic
//		refused                                           robfig
//
//	0 0 * * 1#6  UTC  2026-03-01 00:00
//		refused                                           rota robfig cronexpr supercronic
//		none                                              gronx
//
// Sunday is 0 and 7, and ranges of weekdays and months wrap. Cronexpr makes a
// range that ends on Sunday end on Saturday, and of one that wraps nothing at all.
//
//	0 0 * * 7  UTC  2026-03-01 00:00
//		2026-03-08 00:00 UTC, 2026-03-15 00:00 UTC        rota gronx cronexpr supercronic
//		refused                                           robfig
//
//	0 0 * * 5-7  UTC  2026-03-07 00:00
//		2026-03-08 00:00 UTC, 2026-03-13 00:00 UTC        rota gronx
//		refused                                           robfig supercronic
//		2026-03-13 00:00 UTC, 2026-03-14 00:00 UTC        cronexpr
//
//	0 0 * * 0-0  UTC  2026-03-01 00:00
//		2026-03-08 00:00 UTC, 2026-03-15 00:00 UTC        rota robfig gronx supercronic
//		2026-03-02 00:00 UTC, 2026-03-03 00:00 UTC        cronexpr
//
//	0 0 * * 05  UTC  2026-03-01 00:00
//		2026-03-06 00:00 UTC, 2026-03-13 00:00 UTC        rota robfig gronx
//		2026-03-08 00:00 UTC, 2026-03-15 00:00 UTC        cronexpr supercronic
//
//	0 0 * * FRI-MON  UTC  2026-03-01 00:00
//		2026-03-02 00:00 UTC, 2026-03-06 00:00 UTC        rota
//		refused                                           robfig gronx supercronic
//		none                                              cronexpr
//
//	0 0 1 NOV-FEB *  UTC  2026-03-01 00:00
//		2026-11-01 00:00 UTC, 2026-12-01 00:00 UTC        rota
//		refused                                           robfig gronx supercronic
//		panics                                            cronexpr
//
// # Far away, and never
//
// There is no horizon, and what never fires is refused when it is read. Robfig
// looks five years ahead; the years of cronexpr and supercronic end with 2099.
//
//	0 0 29 2 *  UTC  2095-03-01 00:00
//		2096-02-29 00:00 UTC, 2104-02-29 00:00 UTC        rota gronx
//		2096-02-29 00:00 UTC, none                        robfig cronexpr supercronic
//
//	0 0 1 1 *  UTC  2099-03-01 00:00
//		2100-01-01 00:00 UTC, 2101-01-01 00:00 UTC        rota robfig gronx
//		none                                              cronexpr supercronic
//
//	0 0 29 2 */7  UTC  2089-01-01 00:00
//		2128-02-29 00:00 UTC, 2156-02-29 00:00 UTC        rota gronx
//		2089-02-06 00:00 UTC, 2089-02-13 00:00 UTC        robfig
//		refused                                           cronexpr supercronic
//
//	0 0 31 2 *  UTC  2026-03-01 00:00
//		refused                                           rota
//		none                                              robfig gronx cronexpr supercronic
//
// # Grammar
//
// What is probably not meant is refused, too.
//
//	*/90 * * * *  UTC  2026-03-01 00:00
//		refused                                           rota cronexpr supercronic
//		2026-03-01 01:00 UTC, 2026-03-01 02:00 UTC        robfig gronx
//
//	*/60 * * * *  UTC  2026-03-01 00:00
//		2026-03-01 01:00 UTC, 2026-03-01 02:00 UTC        rota robfig gronx
//		refused                                           cronexpr supercronic
//
//	? * * * *  UTC  2026-03-01 00:00
//		refused                                           rota
//		2026-03-01 00:01 UTC, 2026-03-01 00:02 UTC        robfig gronx cronexpr supercronic
//
//	005 * * * *  UTC  2026-03-01 00:00
//		refused                                           rota cronexpr supercronic
//		2026-03-01 00:05 UTC, 2026-03-01 01:05 UTC        robfig gronx
//
//	0 0 1,,2 * *  UTC  2026-03-01 00:00
//		refused                                           rota gronx
//		2026-03-02 00:00 UTC, 2026-04-01 00:00 UTC        robfig cronexpr supercronic
//
//	0 0 1 MON *  UTC  2026-03-01 00:00
//		refused                                           rota robfig cronexpr supercronic
//		2027-01-01 00:00 UTC, 2028-01-01 00:00 UTC        gronx
//
//	0 0 1 January *  UTC  2026-03-01 00:00
//		refused                                           rota robfig gronx
//		2027-01-01 00:00 UTC, 2028-01-01 00:00 UTC        cronexpr supercronic
//
//	CRON_TZ=Asia/Tokyo 0 0 * * *  UTC  2026-03-01 00:00
//		refused                                           rota gronx cronexpr supercronic
//		2026-03-01 15:00 UTC, 2026-03-02 15:00 UTC        robfig
//
//	0 0 0 1 1 * 2030  UTC  2026-03-01 00:00
//		refused                                           rota robfig
//		2030-01-01 00:00 UTC, stands still                gronx
//		2030-01-01 00:00 UTC, none                        cronexpr supercronic
//
//	0 0 0 1 1 * * junk  UTC  2026-03-01 00:00
//		refused                                           rota robfig gronx supercronic
//		2027-01-01 00:00 UTC, 2028-01-01 00:00 UTC        cronexpr
//
//	@every 500ms  UTC  2026-03-01 00:00
//		refused                                           rota gronx cronexpr supercronic
//		2026-03-01 00:00:01 UTC, 2026-03-01 00:00:02 UTC  robfig
//
//	@midnight  UTC  2026-03-01 00:00
//		2026-03-02 00:00 UTC, 2026-03-03 00:00 UTC        rota robfig
//		refused                                           gronx cronexpr supercronic
//
//	@Daily  UTC  2026-03-01 00:00
//		2026-03-02 00:00 UTC, 2026-03-03 00:00 UTC        rota gronx
//		refused                                           robfig cronexpr supercronic
package peers
