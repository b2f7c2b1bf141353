package config

// actionTables documents the tables of actions.
func actionTables() []Table {
	const log, write, clean, mail = `message = "x"`, `path = "/srv/x", text = "x"`, `path = "/srv/x", older_than = "1d"`, `to = "x@example.org"`
	return []Table{
		{
			Name: "tasks.NAME.log", Text: "A line in the log of rota and in the output of the run.", Needs: []string{"message"},
			Around: "[tasks.a]\nlog = { %s }\n" + others,
			Parts: keysOf(
				Key{"message", anyText, "", "The line, a template.", []string{`"{{.Task}} at {{.Scheduled}}"`}, ""},
				Key{"level", word("debug", "info", "warn", "error"), `"info"`, "How bad it is.", []string{`"warn"`}, log},
			),
		},
		{
			Name: "tasks.NAME.http", Text: "A request over HTTP, and what is expected of the response.", Needs: []string{"url"},
			Around: "[tasks.a]\nhttp = { %s }\n" + others,
			Parts: keysOf(
				Key{"url", anyText, "", "http or https. A template may stand behind the host, each value through urlquery. Lists and errors show it without login and query. A redirect to another host gets neither headers nor body.", []string{`"https://example.org/{{.Task | urlquery}}"`}, ""},
				Key{"method", anyText, `"GET"`, "The method.", []string{`"POST"`}, anyURL},
				Key{"headers", named("", anyText), "", "More headers.", []string{`{ Accept = "*/*" }`}, anyURL},
				Key{"body", anyText, "", "What is sent, a template.", []string{`"{{.Host}}"`}, anyURL},
				Key{"body_file", pathType, "", "A file to send as it is. A symbolic link on the way is followed if no other user can change it.", []string{`"/srv/body.json"`}, anyURL},
				Key{"expect", orList(Type{Name: "a status or a range", Text: true, Pattern: `^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$`, Number: true, Min: 100, Max: 599}), `["200-299"]`, "Statuses that are fine.", []string{"204", `"200-299"`, `[200, "300-399"]`}, anyURL},
				Key{"expect_body", anyText, "", "A text that has to be in the response.", []string{`"ok"`}, anyURL},
				Key{"save", pathType, "", "The file that the response goes to, if it is as expected. It is replaced in one go.", []string{`"/srv/page.html"`}, anyURL},
			),
		},
		{
			Name: "tasks.NAME.write", Text: "A file made from a template, text or template_file.", Needs: []string{"path"},
			Around: "[tasks.a]\nwrite = { %s }\n" + others,
			Parts: keysOf(
				Key{"path", pathType, "", "The file. It is replaced in one go. A symbolic link on the way is followed if no other user can change it.", []string{`"/srv/page.html"`}, `text = "x"`},
				Key{"text", anyText, "", "The template.", []string{`"{{.Started}}"`}, `path = "/srv/x"`},
				Key{"template_file", pathType, "", "A file that holds it, found in the same way.", []string{`"page.tmpl"`}, `path = "/srv/x"`},
				Key{"mode", rights, `"0644"`, "Its permissions.", []string{`"0600"`}, write},
				Key{"if_changed", truth, "true", "Leave the file alone if it says the same already.", []string{"false"}, write},
				Key{"append", truth, "false", "Add to the file instead.", []string{"true"}, write},
			),
		},
		{
			Name: "tasks.NAME.clean", Text: "Removes old files. It never leaves its directory, and follows no links in it.", Needs: []string{"path", "older_than"},
			Around: "[tasks.a]\nclean = { %s }\n" + others,
			Parts: keysOf(
				Key{"path", pathType, "", "The directory. A symbolic link on the way to it is followed if no other user can change it.", []string{`"/srv/cache"`}, `older_than = "1d"`},
				Key{"match", orList(anyText), `["*"]`, "Patterns of names.", []string{`"*.log"`, `["*.log", "*.gz"]`}, clean},
				Key{"older_than", lengthOf, "", "How old a file has to be.", []string{`"30d"`}, `path = "/srv/x"`},
				Key{"recursive", truth, "false", "Look into the folders in it, too.", []string{"true"}, clean},
				Key{"keep", count(0), "0", "How many of the newest stay, however old.", []string{"3"}, clean},
				Key{"dry", truth, "false", "Only say what would be removed.", []string{"true"}, clean},
			),
		},
		{
			Name: "tasks.NAME.mail", Text: "A mail.", Needs: []string{"to"},
			Around: "[tasks.a]\nmail = { %s }\n" + others,
			Parts: keysOf(
				Key{"to", orList(anyText), "", "Who gets it. Without [smtp] a user of this machine will do.", []string{`"ops@example.org"`, `["root", "Ops <ops@example.org>"]`}, ""},
				Key{"subject", anyText, "", "The subject, a template. Without it rota writes one.", []string{`"{{.Task}}"`}, mail},
				Key{"body", anyText, "", "The text, a template. A notification without it says what happened.", []string{`"on {{.Host}}"`}, mail},
				Key{"attach_output", truth, "false", "Add the output of the run that a notification or a hook is about.", []string{"true"}, mail},
			),
		},
	}
}
