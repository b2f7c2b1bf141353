// Package schedule parses the triggers of a task and computes their slots, the
// instants at which the task is due. It uses no clock, no file and no store; every
// function is a calculation on its arguments.
//
// [Parse] and [ParseExpr] turn text into a [Spec], once, at the edge; from then
// on it is valid. [Spec.Next] computes the next slot without
// allocating and without walking the clock. An [Agenda] holds the next slots of
// many triggers in order.
//
// # The rules of time
//
// Every slot follows from these rules and from nothing else.
//
//  1. Next(after) is strictly after its argument, and on a whole second.
//  2. An interval counts elapsed time from its first sight ([Spec.From]): its
//     slots are first sight + initial_delay + k·interval. No zone and no clock
//     change touches it. initial_delay is one interval unless it is given; with
//     starts, that instant is the first slot. weekday, between and except exclude
//     slots by their readings, and move none.
//  3. All other triggers name readings of the wall clock of a zone. They are
//     FIXED, but for a cron line whose minute or hour field begins with "*":
//     that one is WILDCARD.
//  4. A WILDCARD trigger follows the wall clock: where it skips a reading there
//     is no slot, where it shows one twice there are two.
//  5. A FIXED trigger whose reading falls into a gap of at most 3 hours has its
//     slot at the first instant after the gap. All readings in that gap, and
//     one that matches that instant, are one slot.
//  6. A FIXED trigger whose reading is repeated within at most 3 hours has its
//     slot in the first pass only, also when asked from inside the second.
//  7. A jump of more than 3 hours is made up by nothing: a skipped date has no
//     slots, and a repeated stretch has them again.
//  8. A cron line matches a day if both its day fields do, provided that one of
//     them begins with "*" (as "*/2" does) or is "?"; else if either does.
//     weekday and monthday in one trigger have to match both.
//  9. L, LW, nW, dL and d#n follow the month. nW never leaves its month, and a
//     month without day n has none. LW is the last Monday to Friday. A workday is
//     a Monday to Friday that except does not name. every leaves of the weeks
//     (with weekday), months (with monthday) or days each n-th, by their dates,
//     counted from that which starts shows.
//  10. What matches no date in 400 years is refused. Everything else is found,
//     up to the end of the year 9999.
//  11. between is half-open and may wrap midnight; except names days. A slot
//     has to satisfy both by its own reading, and where a gap has moved it also
//     by the reading at which it lands. starts is inclusive, ends exclusive. With
//     on_except a day that matches and that except names stands for the next or
//     the previous workday, if that is in the same month or the one beside it.
//
// # Cron lines
//
// Five fields, or six with seconds first: minute 0-59, hour 0-23, day-of-month
// 1-31, month 1-12 or JAN-DEC, day-of-week 0-7 or SUN-SAT, 0 and 7 being Sunday.
//
//   - every value                 L     the last day of the month
//     a-b        a range; in month and       LW    the last Monday to Friday
//     day-of-week it may wrap     15W   the Monday to Friday nearest
//     */s a-b/s  every s-th of these               to the 15th of the month
//     a/s        from a to the maximum       5L    the last Friday
//     a,b,c      any of these                5#2   the second Friday
//     ?          "*", in the day fields
//
// @yearly @annually @monthly @weekly @daily @midnight @hourly and "@every 90s"
// stand for a whole line.
package schedule
