package config

import "slices"

// triggerKeys document the keys of a trigger. Package schedule reads them; it
// knows each of them as well.
var triggerKeys = []Key{
	{"interval", durationType, "", "The time between slots, in elapsed time since rota first saw the task. 1s or more.", []string{`"90s"`}},
	{"initial_delay", durationType, "", "The time from when the task is first seen to the first slot; 0s is immediately. Default: one interval. With at_start: the time from the start of rota to the slot, by default 0s.", []string{`"0s"`}},
	{"anchor", wordType("start", "finish"), `"start"`, "Whether an interval counts from its last slot, or from the end of the last run.", []string{`"finish"`}},
	{"weekday", dayType("a day of the week"), "", "Days of the week: 1 (Monday) to 7, names, ranges such as mon-fri. Needs at, or interval, which then has slots only on these days.", []string{"1", `"mon-fri"`, `["sat", 7]`}},
	{"monthday", dayType("a day of the month"), "", "Days of the month: 1 to 31, from the end -1 and so on, ranges, last, last fri, 2nd tue, and the workdays (Monday to Friday, not in except) first workday, 3rd workday, last workday. Needs at. With weekday both must match.", []string{"13", `"last fri"`, `[1, -1]`, `"first workday"`}},
	{"month", dayType("a month"), "", "Months: 1 to 12, names, ranges such as apr-jun. Default: all.", []string{"12", `"apr-jun"`, `["jan", 7]`}},
	{"at", orList(Type{Name: "a time of day", Text: true, Time: true}), "", "Times of day, HH:MM or HH:MM:SS. Alone: every day.", []string{`"02:30"`, "09:30:00", `["09:00", "17:00"]`}},
	{"every", numberType(2, 999), "", "2: only every 2nd week (Monday to Sunday) with weekday, month with monthday, or day with at alone, and so on, counted from the one that starts is in. The time of day stays the same over changes of the clock. Needs starts. For a duration use interval.", []string{"2"}},
	{"cron", orList(Type{Name: "a cron line", Text: true}), "", "A line of five fields, or six with seconds first, or @daily and the like. Each line of a list is a trigger with the other keys of this one.", []string{`"30 2 * * mon-fri"`, `["0 9 * * mon-fri", "0 12 * * sat"]`}},
	{"once", instantType, "", "One instant.", []string{"2030-12-24T18:00:00", `"2030-12-24T18:00:00Z"`}},
	{"at_start", Type{Name: "a word or true", Text: true, Words: []string{"daemon", "boot"}, Truth: true}, "", "daemon, or true: each time that rota starts. boot: the first time that rota starts after the machine was booted.", []string{`"boot"`, "true"}},
	{"timezone", textType, "", "The time zone of the trigger. Default: that of [rota].", []string{`"Asia/Tokyo"`}},
	{"jitter", durationType, `"0s"`, "The longest delay of a start; the delay is always the same on one machine.", []string{`"5m"`}},
	{"each_run", booleanType, "false", "With jitter: true delays each slot by a different time, which rota next shows in advance and which ends before the next slot.", []string{"true"}},
	{"between", textType, "", "Only within these hours of the day, the end excluded; they may span midnight.", []string{`"08:00-18:00"`}},
	{"except", orList(Type{Name: "a date, a range of dates or a weekday", Text: true, Time: true}), "", "Not on these days: 2026-12-24, 12-25 for every year, a range of either such as 2027-05-01..2027-05-10 or 12-24..01-02, weekdays such as sat or sat-sun, or file: and the path of a file with one of these on each line.", []string{`"12-25"`, "2030-01-01", `["12-25", 2030-01-01, "2030-05-01..2030-05-10", "sat"]`}},
	{"on_except", wordType("skip", "next", "previous"), `"skip"`, "What happens to a slot on a day that except names: none, or one at the same time on the next or the previous workday, in the same month or the one beside it. Not with interval.", []string{`"next"`}},
	{"starts", instantType, "", "Not before that instant. For an interval it is the first slot.", []string{"2030-01-01", `"2030-01-01"`}},
	{"ends", instantType, "", "Not from that instant on.", []string{"2040-01-01T00:00:00Z", `"2040-01-01"`}},
	{"count", numberType(1, 1_000_000), "", "The trigger ends after this number of runs; restarts do not reset it. Slots that were skipped or missed do not count. A change of count, or of the trigger, starts at zero.", []string{"3"}},
}

// severalTriggers documents the key with several triggers.
var severalTriggers = Key{"triggers", listOf(tableType("tasks.NAME.triggers")), "", "Several triggers, each a table of the keys above.", []string{`[{ cron = "@daily" }, { at = "09:00" }]`}}

func dayType(name string) Type { return orList(Type{Name: name, Text: true, Number: true}) }

// triggerNames are the names of the keys of a trigger, in the order of their
// documentation.
var triggerNames = func() []string {
	var list []string
	for _, k := range triggerKeys {
		list = append(list, k.Name)
	}
	return list
}()

// takesList reports whether a key of a trigger may have a list of values.
func takesList(key string) bool {
	return slices.ContainsFunc(triggerKeys, func(k Key) bool { return k.Name == key && k.Type.List != nil })
}
