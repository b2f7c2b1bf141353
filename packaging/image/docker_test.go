package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"go.yaml.in/yaml/v3"
)

// TestDockerfile: Docker reads it, and what it builds runs as the image does that is made
// here.
func TestDockerfile(t *testing.T) {
	f, err := os.Open("../docker/Dockerfile")
	must(t, err)
	defer f.Close()
	tree, err := parser.Parse(f)
	must(t, err)
	if len(tree.Warnings) > 0 {
		t.Errorf("%+v", tree.Warnings)
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	must(t, err)
	var names []string
	for _, s := range stages {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "build debian minimal" {
		t.Fatalf("the stages are %s", got)
	}
	want := settings()
	for _, s := range stages[1:] {
		env := map[string]string{}
		var user, volume string
		var entry, cmd, health []string
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *instructions.EnvCommand:
				for _, pair := range c.Env {
					env[pair.Key] = pair.Value
				}
			case *instructions.UserCommand:
				user = c.User
			case *instructions.VolumeCommand:
				volume = strings.Join(c.Volumes, " ")
			case *instructions.EntrypointCommand:
				entry = c.CmdLine
			case *instructions.CmdCommand:
				cmd = c.CmdLine
			case *instructions.HealthCheckCommand:
				health = c.Health.Test
			}
		}
		for _, pair := range want.Env {
			name, value, _ := strings.Cut(pair, "=")
			if env[name] != value && !(name == "PATH" && s.Name == "debian") {
				t.Errorf("%s: %s is %q, want %q", s.Name, name, env[name], value)
			}
		}
		if _, ok := want.Volumes[volume]; !ok || user != want.User || !slices.Equal(entry, want.Entrypoint) || !slices.Equal(cmd, want.Cmd) || !slices.Equal(health, want.Healthcheck.Test) {
			t.Errorf("%s: volume %s, user %s, entrypoint %q, command %q, health check %q", s.Name, volume, user, entry, cmd, health)
		}
	}
}

// TestDockerfilesOfDocs: Docker reads what people copy.
func TestDockerfilesOfDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/containers.md")
	must(t, err)
	blocks := strings.Split(string(page), "```dockerfile\n")[1:]
	if len(blocks) != 2 {
		t.Fatalf("%d files", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		tree, err := parser.Parse(strings.NewReader(text))
		must(t, err)
		if _, _, err = instructions.Parse(tree.AST, nil); err != nil || len(tree.Warnings) > 0 {
			t.Errorf("%v, %+v\n%s", err, tree.Warnings, text)
		}
	}
}

// TestCompose: the example names the Dockerfile and a stage of it, and mounts what the
// image reads and writes.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../docker/compose.yaml")
	must(t, err)
	var c struct {
		Services map[string]struct {
			Build struct {
				Context, Dockerfile, Target string
			}
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
			SecurityOpt []string `yaml:"security_opt"`
			Tmpfs       []string
			Volumes     []string
			Environment map[string]string
			Restart     string
			Grace       string `yaml:"stop_grace_period"`
		}
		Volumes map[string]any
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	must(t, d.Decode(&c))
	s := c.Services["rota"]
	if s.Build.Context != "../.." || s.Build.Dockerfile != "packaging/docker/Dockerfile" || s.Build.Target != "debian" || !s.ReadOnly {
		t.Errorf("%+v", s)
	}
	if _, ok := c.Volumes["state"]; !ok || !slices.Equal(s.Volumes, []string{"./rota:/etc/rota:ro", "state:/var/lib/rota"}) {
		t.Errorf("volumes %q of %v", s.Volumes, c.Volumes)
	}
}
