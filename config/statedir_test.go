package config

import "testing"

func TestStateDirOf(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	for text, want := range map[string]string{
		"[rota]\nstate_dir = \"/x\"\n":                     "/x",
		"[rota]\nstate_dir = 'x' # there\n":                s.path("etc/x"),
		"rota.state_dir = \"../x\"\n":                      s.path("x"),
		"rota = { log_level = \"info\", state_dir = '/x'}": "/x",
		"\"rota\".\"state_dir\" = \"\"\"/x\"\"\"":          "/x",
		"\ufeff[rota]\r\nstate_dir = \"/x\"\r\n":           "/x",
		"":                                                 "",
		"[rota]\nstate_dir = 1":                            "",
		"rota = 1":                                         "",
		"[rota]\n# state_dir = \"/x\"\n[tasks.a]\nenv = { state_dir = \"/y\" }\n":                      "",
		"[tasks.a.write]\ntext = \"\"\"\n[rota]\nstate_dir = '/y'\n\"\"\"\n[rota]\nstate_dir = \"/x\"": "/x",
		"[tasks.a.write]\ntext = '''\n[rota]\nstate_dir = '/y'\n'''\n":                                 "",
		"a = 1\n[rota]\nsocket = '/y'\nstate_dir = \"/x\"\n[tasks.a]\nstate_dir = '/z'":                "/x",
		// Texts that are not TOML
		"[rota]\nstate_dir = \"/x\"\nwrong":                       "/x",
		"wrong\n[rota]\r\n  state_dir='/x' # \"there\"\r\n":       "/x",
		"rota.state_dir = '/x'\nwrong":                            "/x",
		"rota = { log_level = \"info\", state_dir = '/x'}\nwrong": "/x",
		"wrong\n# state_dir = \"/y\"\nstate_dir = \"\\u002fx\"":   "/x",
		"wrong\nstate_dir = \"/x":                                 "",
		"wrong\nno state_dir\n":                                   "",
	} {
		s.text("etc/jobs.toml", text)
		if got := StateDirOf(s.path("etc/jobs.toml")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := StateDirOf(s.path("gone.toml")); got != "" {
		t.Errorf("no file names %q", got)
	}
}

func TestSocketOf(t *testing.T) {
	s := scene{T: t, dir: t.TempDir()}
	for text, want := range map[string]string{
		"[rota]\nsocket = \"/x\"\nstate_dir = '/y'\n":              "/x",
		"[rota]\nsocket = \"run/x\"\n":                             s.path("etc/run/x"),
		"[rota]\nsocket_group = \"ops\"\n":                         "",
		"[rota]\nsocket_group = 'ops'\nsocket = \"/x\"\nwrong":     "/x",
		"wrong\n[rota]\nstate_dir = '/y'\n[tasks.a]\nsocket = 1\n": "",
	} {
		s.text("etc/jobs.toml", text)
		if got := SocketOf(s.path("etc/jobs.toml")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
