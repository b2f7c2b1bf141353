package config

import "rota/runner"

// taskTables documents [tasks.NAME] and the tables in it, but for actions.
func taskTables() []Table {
	const command = "[tasks.a]\ncommand = \"true\"\n"
	return []Table{
		{
			Name: "tasks.NAME", Text: "A task: any number of triggers, one action, and how it runs.",
			Around: "[tasks.a]\n%s\n" + others,
			Parts:  taskParts(),
		},
		{
			Name: "tasks.NAME.triggers", Text: "One of several triggers.",
			Around: command + "triggers = [{ %s }]\n" + others,
			Parts:  keysOf(triggerDocs("")...),
		},
		{
			Name: "tasks.NAME.retry", Text: "When a run that did not end well is attempted again.",
			Around: command + "retry = { %s }\n" + others,
			Parts: keysOf(
				Key{"max", count(0), "0", "How many attempts there are after the first.", []string{"3"}, ""},
				Key{"delay", lengthOf, `"30s"`, "How long the first of them waits.", []string{`"1m"`}, ""},
				Key{"factor", Type{Name: "a number", Number: true, Min: 1, Max: 100, Fraction: true}, "2", "By how much each waits longer than the one before.", []string{"1.5", "3"}, ""},
				Key{"max_delay", lengthOf, `"1h"`, "How long one waits at most.", []string{`"10m"`}, ""},
				Key{"on", orList(Type{Name: "failed, timeout, lost or an exit code", Text: true, Words: []string{string(runner.Failed), string(runner.TimedOut), string(runner.Lost)}, Number: true, Min: 1, Max: 255}),
					`["failed", "timeout", "lost"]`, "After which ends there is another attempt.", []string{`"lost"`, `["failed", 75]`, "75"}, ""},
			),
		},
		{
			Name: "tasks.NAME.keep", Text: "How much of the task is remembered.",
			Around: command + "keep = { %s }\n" + others,
			Parts:  keysOf(keepDocs(`"90d"`)...),
		},
		{
			Name: "tasks.NAME.limits", Text: "Limits as setrlimit(2) means them, of each process. What is not given stays as it is.",
			Around: command + "limits = { %s }\n" + others,
			Parts: keysOf(
				Key{"files", count(1), "", "Open files.", []string{"1024"}, ""},
				Key{"cpu_time", lengthOf, "", "Time of a processor.", []string{`"1h"`}, ""},
				Key{"file_size", sizeType, "", "The size of a file that it writes.", []string{`"1GiB"`}, ""},
				Key{"core", sizeType, "", "The size of a core file.", []string{`"0B"`}, ""},
			),
		},
	}
}

const plainCommand = `command = "true"`

// taskParts documents the keys of a task.
func taskParts() []Part {
	what := []Key{
		{"command", orList(anyText), "", "A command: a text for the shell, or a list of a program and its arguments, which no shell sees.", []string{`"make | tail"`, `["df", "-h"]`}, ""},
		{"log", Type{Name: "a text or a table", Text: true, Table: "tasks.NAME.log"}, "", "A line in the log.", []string{`"hello"`, `{ message = "hello" }`}, ""},
		{"http", table("tasks.NAME.http"), "", "A request over HTTP.", []string{`{ url = "https://example.org/" }`}, ""},
		{"write", table("tasks.NAME.write"), "", "A file made from a template.", []string{`{ path = "/srv/page.html", text = "{{.Started}}" }`}, ""},
		{"clean", table("tasks.NAME.clean"), "", "Old files removed.", []string{`{ path = "/srv/cache", older_than = "30d" }`}, ""},
		{"mail", table("tasks.NAME.mail"), "", "A mail, see [smtp].", []string{`{ to = "ops@example.org", subject = "hello" }`}, ""},
	}
	about := []Key{
		{"description", anyText, "", "For people.", []string{`"the nightly backup"`}, plainCommand},
		{"tags", orList(anyText), "", "Words to find tasks by.", []string{`"db"`, `["db", "nightly"]`}, plainCommand},
		{"enabled", truth, "true", "false: no trigger counts, and the task runs only when it is asked for.", []string{"false"}, plainCommand},
	}
	return []Part{
		{"About", about}, {"When", triggerDocs(plainCommand)}, {"What: one of", what},
		{"How", howDocs()}, {"The process", processDocs()}, {"What follows", hookDocs()},
	}
}

// triggerDocs documents the keys of triggers; with is what stands beside each.
func triggerDocs(with string) []Key {
	and := func(more string) string {
		if with == "" {
			return more
		}
		return with + "\n" + more
	}
	day := func(name string) Type { return orList(Type{Name: name, Text: true, Number: true}) }
	every, at, cron := and(`interval = "1h"`), and(`at = "09:00"`), and(`cron = "0 9 * * *"`)
	keys := []Key{
		{"interval", lengthOf, "", "Every so often, counted in elapsed time from when rota first sees the task. 1s or more.", []string{`"90s"`}, with},
		{"initial_delay", lengthOf, "", "When an interval begins; 0s is at once, when the task is first seen. Without it, after one interval.", []string{`"0s"`}, every},
		{"anchor", word("start", "finish"), `"start"`, "Whether an interval counts from its last slot, or from the end of the last run.", []string{`"finish"`}, every},
		{"weekday", day("a day of the week"), "", "Days of the week: 1 (Monday) to 7, names, ranges such as mon-fri. Needs at.", []string{"1", `"mon-fri"`, `["sat", 7]`}, at},
		{"monthday", day("a day of the month"), "", "Days of the month: 1 to 31, from the end -1 and so on, ranges, last, last fri, 2nd tue. Needs at. With weekday both must hold.", []string{"13", `"last fri"`, `[1, -1]`}, at},
		{"month", day("a month"), "", "Months: 1 to 12, names, ranges such as apr-jun. Without it all.", []string{"12", `"apr-jun"`, `["jan", 7]`}, at},
		{"at", orList(Type{Name: "a time of day", Text: true, Time: true}), "", "Times of day, HH:MM or HH:MM:SS. Alone: every day.", []string{`"02:30"`, "09:30:00", `["09:00", "17:00"]`}, with},
		{"cron", anyText, "", "A line of five fields, or six with seconds first, or @daily and the like.", []string{`"30 2 * * mon-fri"`}, with},
		{"once", instant, "", "One instant.", []string{"2030-12-24T18:00:00", `"2030-12-24T18:00:00Z"`}, with},
		{"at_start", Type{Name: "a word or true", Text: true, Words: []string{"daemon", "boot"}, Truth: true}, "", "daemon, or true: each time that rota starts. boot: the first time after the machine has.", []string{`"boot"`, "true"}, with},
		{"timezone", anyText, "", "The zone that all of this is read in. Without it, that of [rota].", []string{`"Asia/Tokyo"`}, at},
		{"jitter", lengthOf, `"0s"`, "Starts come up to so much later, on one machine always by the same.", []string{`"5m"`}, cron},
		{"between", anyText, "", "Only within these hours of the day; the last instant is out, and they may span midnight.", []string{`"08:00-18:00"`}, every},
		{"except", orList(Type{Name: "a date", Text: true, Time: true}), "", "Not on these dates: 2026-12-24, 12-25 for every year, or file: and the path of a file with one on each line.", []string{`"12-25"`, "2030-01-01", `["12-25", 2030-01-01]`}, at},
		{"starts", instant, "", "Not before that instant. For an interval it is the first slot.", []string{"2030-01-01", `"2030-01-01"`}, every},
		{"ends", instant, "", "Not from that instant on.", []string{"2040-01-01T00:00:00Z", `"2040-01-01"`}, every},
	}
	if with != "" {
		several := listOf(table("tasks.NAME.triggers"))
		keys = append(keys, Key{"triggers", several, "", "Several triggers, each a table of the keys above.", []string{`[{ cron = "@daily" }, { at = "09:00" }]`}, with})
	}
	return keys
}

func howDocs() []Key {
	c := plainCommand
	return []Key{
		{"mode", word(string(runner.Sequential), string(runner.Threaded), string(runner.Forked)), `"threaded"`, "threaded: at once, and it ends with rota. sequential: one after another in its queue. forked: at once, and it goes on when rota is stopped or restarted.", []string{`"forked"`}, c},
		{"queue", anyText, "", "The lane that it waits in. Without it main for a sequential task, and none for others.", []string{`"lane"`}, c},
		{"overlap", word(string(runner.OverlapSkip), string(runner.OverlapQueue), string(runner.OverlapReplace), string(runner.OverlapAllow)), `"skip"`, "What becomes of a slot while the task waits or runs: it is skipped, waits, replaces what is there, or runs beside it.", []string{`"queue"`}, c},
		{"missed", word(string(runner.MissedSkip), string(runner.MissedOnce), string(runner.MissedAll)), "", "What becomes of slots that passed while rota could not start them: none is made up for, the newest, or each. Without it skip, but once for a once.", []string{`"once"`}, c},
		{"missed_within", lengthOf, "", "What is later than that is not made up for. Without it a day for all, and any for once.", []string{`"1h"`}, c},
		{"max_wait", lengthOf, `"0s"`, "What has waited in a queue for longer is skipped. 0s is no limit.", []string{`"10m"`}, c},
		{"timeout", lengthOf, "", "How long it may take. Without it a minute for built-in actions, and any time for commands. 0s is no limit.", []string{`"4h"`}, c},
		{"kill_after", lengthOf, `"10s"`, "How long it has to end after the stop signal; then comes KILL.", []string{`"1m"`}, c},
		{"stop_signal", anyText, `"TERM"`, "The signal that asks it to end. none sends none: it has to ask by rota proceed.", []string{`"INT"`, `"none"`}, c},
		{"success_exit", orList(number(0, 255)), "[0]", "Exit codes that are success.", []string{"3", "[0, 3]"}, c},
		{"retry", table("tasks.NAME.retry"), "", "When it is attempted again.", []string{"{ max = 3 }"}, c},
		{"priority", number(-1, 1), "0", "Among what waits, 1 goes first and -1 last.", []string{"-1", "1"}, c},
		{"hold_after", count(1), "", "After so many failures in a row the task is held, and the notifications of on_failure are sent. Without it never.", []string{"5"}, c},
		{"keep", table("tasks.NAME.keep"), "", "How much is remembered.", []string{"{ runs = 100 }"}, c},
	}
}

func processDocs() []Key {
	c := plainCommand
	return []Key{
		{"user", anyText, "", "Who it runs as, also a built-in action other than log. Without it, as rota does. Its files (env_file, secrets, template_file and body_file, dir, the program) are opened with the rights of this user.", []string{`"nobody"`}, c},
		{"group", anyText, "", "Its group. Without it, that of the user.", []string{`"nogroup"`}, c},
		{"dir", pathType, "", "The folder that it runs in. Without it the home of user, else the folder of the file.", []string{`"/srv"`}, c},
		{"umask", rights, `"0022"`, "Permissions that its files do not get.", []string{`"0077"`}, c},
		{"shell", listOf(anyText), `["/bin/sh", "-c"]`, "What a command text is appended to.", []string{`["/bin/bash", "-ec"]`}, c},
		{"stdin", anyText, "", "What it reads. Without it /dev/null.", []string{`"yes"`}, c},
		{"env", named(`^[A-Za-z_][A-Za-z0-9_]*$`, anyText), "", "Variables. Names with ROTA_ are rota's own.", []string{`{ LANG = "C" }`}, c},
		{"env_file", pathType, "", "A file of variables, NAME=value on each line. With a - before the path it may be absent.", []string{`"/etc/default/backup"`, `"-/etc/default/backup"`}, c},
		{"nice", number(-20, 19), "", "Its niceness.", []string{"10", "-5"}, c},
		{"limits", table("tasks.NAME.limits"), "", "What it may use.", []string{"{ files = 1024 }"}, c},
		{"secrets", named(`^[A-Za-z_][A-Za-z0-9_]*$`, Type{Name: "a source", Text: true, Pattern: `^(file|cred|env):.`}), "", "Variables that are kept out of sight, each from file:/path, cred:NAME of systemd or env:NAME of rota.", []string{`{ TOKEN = "file:/etc/rota/secrets/token" }`}, c},
		{"params", named(`^[a-z][a-z0-9_]{0,31}$`, anyText), "", "What a request may give, with defaults. They reach a command as ROTA_PARAM_NAME.", []string{`{ site = "main" }`}, c},
		{"input_max", sizeType, `"1MiB"`, "How much input a request may give.", []string{`"10MiB"`}, c},
		{"result_max", sizeType, `"1MiB"`, "How much it may write to ROTA_RESULT_FILE.", []string{`"10MiB"`}, c},
	}
}

func hookDocs() []Key {
	c := plainCommand
	targets := orList(anyText)
	return []Key{
		{"on_success", targets, "", "Whom to tell of a success: names of [notify.NAME], or run: and the name of a task to start.", []string{`"ops"`, `["ops", "run:other"]`, "[]"}, c},
		{"on_failure", targets, "", "The same when it failed, took too long or was lost, and is not attempted again. A run that somebody cancelled or stopped is told to nobody.", []string{`"run:other"`, `["ops"]`}, c},
		{"on_missed", targets, "", "The same when slots were missed.", []string{`"ops"`, `["ops"]`}, c},
		{"on_recover", targets, "", "The same on the first success after a failure.", []string{`"ops"`, `["ops"]`}, c},
		{"on_output", targets, "", "The same when it wrote something.", []string{`"ops"`, `["ops"]`}, c},
		{"ping", anyText, "", "A URL in the style of healthchecks. It is called when a run starts with /start added, at each success as it is, and at each other end, once no attempt is left, with the exit code or /fail added; the end of the output is sent with it.", []string{`"https://hc-ping.com/0a1b"`}, c},
		{"expect_success_within", lengthOf, "", "When the last success is older, the notifications of on_failure and on_missed are sent, once.", []string{`"26h"`}, c},
	}
}
