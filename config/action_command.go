package config

import "rota/runner"

var commandAction = action{
	Key{"command", orList(textType), "", "A command: a text for the shell or, if it begins with #!, for the interpreter named there; or a list of a program and its arguments, which no shell sees.", []string{`"make | tail"`, `["df", "-h"]`}},
	readCommand, nil,
}

func readCommand(loc location, v any) runner.Action {
	c := &runner.Command{}
	switch v := v.(type) {
	case string:
		if !loc.text(v, &c.Text) {
			return nil
		}
		if !c.IsScript() {
			loc.lintShell(c.Text)
		}
	case []any:
		for i, item := range v {
			arg := ""
			if !loc.at(i).text(item, &arg) {
				return nil
			}
			c.Argv = append(c.Argv, arg)
		}
		loc.lintArgv(c.Argv)
	default:
		loc.mismatch(v, `a string for the shell or a list such as ["df", "-h"]`, "")
		return nil
	}
	return c
}
