package config

import "rota/runner"

var logAction = action{
	Key{"log", Type{Name: "a string or a table", Text: true, Table: logTable.name}, "", "Write a line to the log.", []string{`"hello"`, `{ message = "hello" }`}},
	readLog, logTable,
}

var logTable = &table[runner.Log]{
	name: "tasks.NAME.log", text: "Writes a line to the log of rota and to the output of the run.", required: []string{"message"},
	keys: []key[runner.Log]{
		row("message", anyText(func(a *runner.Log) *string { return &a.Message }), "", "The line, a template.", `"{{.Task}} at {{.Scheduled}}"`),
		row("level", word(func(a *runner.Log) *string { return &a.Level }, logLevels...), `"info"`, "The level.", `"warn"`),
	},
}

func readLog(loc location, v any) runner.Action {
	a := logTable.zero()
	switch v.(type) {
	case string:
		if !loc.text(v, &a.Message) {
			return nil
		}
	case map[string]any:
		logTable.read(loc, v, "log", &a)
	default:
		loc.mismatch(v, "a string or a table", `log = "text" or log = { message = "text", level = "warn" }`)
		return nil
	}
	return &a
}
