package config

import (
	"time"

	"rota/runner"
)

var cleanAction = action{
	Key{"clean", tableType(cleanTable.name), "", "Remove old files.", []string{`{ path = "/srv/cache", older_than = "30d" }`}},
	readTable(cleanTable), cleanTable,
}

var cleanTable = &table[runner.Clean]{
	name: "tasks.NAME.clean", text: "Removes old files. It never leaves its directory, and follows no links in it.", required: []string{"path", "older_than"},
	keys: []key[runner.Clean]{
		row("path", path(func(a *runner.Clean) *string { return &a.Path }), "", "The directory. A symbolic link on the way to it is followed if no other user can change it.", `"/srv/cache"`),
		row("match", textList(func(a *runner.Clean) *[]string { return &a.Match }), `["*"]`, "Patterns of names.", `"*.log"`, `["*.log", "*.gz"]`),
		row("older_than", duration(func(a *runner.Clean) *time.Duration { return &a.OlderThan }), "", "The age from which files are removed.", `"30d"`),
		row("recursive", boolean(func(a *runner.Clean) *bool { return &a.Recursive }), "false", "Include subdirectories; as root, below a path of another user, only those of that user and of root.", "true"),
		row("keep", number(0, noLimit, func(a *runner.Clean) *int { return &a.Keep }), "0", "How many of the newest files are kept, regardless of their age.", "3"),
		row("dry", boolean(func(a *runner.Clean) *bool { return &a.Dry }), "false", "List the files without removing them.", "true"),
	},
}
