package manual

// description has the paragraphs at the start of the page.
var description = []string{
	"The file says what rota runs, and when. It is TOML, in UTF-8. Each task is a table with a name; it has triggers, one action, and keys that say how it runs.",
	"rota daemon reads the file again when it changes. A file with a fault changes nothing: the last good one stays in force. rota check FILE reports all faults at once. Unknown keys are faults.",
	"A table inside another may also stand in braces: [tasks.a.retry] with max = 3 below is the same as retry = { max = 3 } below [tasks.a]. A name with a dot or an @ needs quotes: [tasks.\"a@b\"].",
}

// example is a whole file.
const example = `[tasks.backup]
weekday = "mon-fri"
at = "02:30"
command = "/usr/local/bin/backup --all"
timeout = "4h"
retry = { max = 2 }
on_failure = ["ops"]

[notify.ops]
mail = { to = "ops@example.org" }
`

// values describes the forms of values that many keys share.
var values = [][2]string{
	{"a duration", "Numbers with the units w, d, h, m, s and ms, in all a whole number of seconds: \"90s\", \"15m\", \"1h30m\", \"1.5h\", \"2d\"."},
	{"a size", "A number with one of the units B, KiB, MiB, GiB and TiB: \"512MiB\"."},
	{"a path", "Relative ones start at the directory of the file that contains them."},
	{"permissions", "Three or four octal digits as a text: \"0644\"."},
	{"a name", "Up to 63 of A-Z a-z 0-9 _ . @ -, the first a letter or digit."},
	{"a template", "A text in which {{.Task}}, {{.Run}}, {{.Scheduled}}, {{.Started}}, {{.Attempt}}, {{.Params.NAME}} and {{.Host}} are filled in, as by text/template of Go. Times are in the time zone of the task; {{.Scheduled | date `2006-01-02 15:04`}} writes one as that example is written. Other functions: json makes a text of JSON of any value, urlquery what can stand in a URL, upper capitals, trim drops the spaces around it, and duration makes 1h30m of {{.Took}} or of seconds. In a notification, and in a task that a hook starts, also {{.Event}}, {{.Outcome}}, {{.Exit}}, {{.Took}}, {{.Why}} and {{.Tail}} of what it is about; in a notification {{.Text}}, the whole on one line, {{.Time}} of the event, {{.URL}}, its address on the page if url in [web] says it, and {{.More}}, how many others it speaks for, and in such a task {{.Parent}}, the run that it follows."},
	{"a pattern of queues", "The parts before and after the first @ are matched separately. A queue without @ has nothing before it: main and @main are the same, *@mail is mail and site1@mail, site1@* is all of site1, * is all."},
}

// environment describes the variables of a command.
var environment = [][2]string{
	{"ROTA_TASK, ROTA_RUN", "The name of the task, and the id of the run."},
	{"ROTA_SCHEDULED", "The instant that it was due, in RFC 3339; for a request without a time, that of the request."},
	{"ROTA_ATTEMPT", "1, 2 and so on."},
	{"ROTA_CAUSE", "schedule, manual, chain, catchup or start."},
	{"ROTA_LAST_SUCCESS", "When the last success ended, in RFC 3339."},
	{"ROTA_RESULT_FILE", "Where to write the result of the run, if it has any."},
	{"ROTA_PARAM_NAME", "Each parameter, its name in capitals."},
	{"ROTA_EXE", "The path of rota itself. Its directory is the last one in PATH, unless others can put programs there."},
	{"ROTA_SOCKET, ROTA_TOKEN", "The control socket, and a token with which the run may act on its own task."},
	{"ROTA_PARENT, ROTA_PARENT_OUTCOME, ROTA_PARENT_EXIT", "Of a run that a hook has started: the run that it is about, its outcome and exit code."},
}
