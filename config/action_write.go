package config

import "rota/runner"

var writeAction = action{
	Key{"write", tableType(writeTable.name), "", "Write a file from a template.", []string{`{ path = "/srv/page.html", text = "{{.Started}}" }`}},
	readWrite, writeTable,
}

var writeTable = &table[runner.Write]{
	name: "tasks.NAME.write", text: "A file made from a template, text or template_file.", required: []string{"path"},
	keys: []key[runner.Write]{
		row("path", path(func(a *runner.Write) *string { return &a.Path }), "", "The file. It is replaced atomically. A symbolic link on the way is followed if no other user can change it.", `"/srv/page.html"`),
		row("text", anyText(func(a *runner.Write) *string { return &a.Text }), "", "The template.", `"{{.Started}}"`),
		row("template_file", path(func(a *runner.Write) *string { return &a.TemplateFile }), "", "A file with the template. The same rule for symbolic links applies.", `"page.tmpl"`),
		row("mode", permissions(func(a *runner.Write) *uint32 { return &a.Mode }), `"0644"`, "Its permissions.", `"0600"`),
		row("if_changed", boolean(func(a *runner.Write) *bool { return &a.IfChanged }), "true", "Write the file only if its content changes.", "false"),
		row("append", boolean(func(a *runner.Write) *bool { return &a.Append }), "false", "Append to the file instead of replacing it.", "true"),
	},
}

func readWrite(loc location, v any) runner.Action {
	a := writeTable.zero()
	if !writeTable.read(loc, v, "write", &a) {
		return nil
	}
	if _, given := v.(map[string]any)["if_changed"]; a.Append && !given {
		a.IfChanged = false // the default is for files that are replaced
	}
	return &a
}
