package config

import "rota/runner"

var commandAction = action{
	Key{"command", orList(textType), "", "A command: a text for the shell, or a list of a program and its arguments, which no shell sees.", []string{`"make | tail"`, `["df", "-h"]`}},
	readCommand, nil,
}

func readCommand(s location, v any) runner.Action {
	c := &runner.Command{}
	switch v := v.(type) {
	case string:
		if !s.text(v, &c.Text) {
			return nil
		}
	case []any:
		for i, item := range v {
			arg := ""
			if !s.at(i).text(item, &arg) {
				return nil
			}
			c.Argv = append(c.Argv, arg)
		}
	default:
		s.mismatch(v, `a text for the shell or a list such as ["df", "-h"]`, "")
		return nil
	}
	return c
}
