package packaging_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

// runs runs a program, and returns what it says on stdout.
func runs(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("needs " + name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).Output()
	if err != nil {
		said := ""
		if exit, ok := err.(*exec.ExitError); ok {
			said = string(exit.Stderr)
		}
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, said)
	}
	return string(out)
}

// TestFormula: the formula for Homebrew is Ruby.
func TestFormula(t *testing.T) {
	runs(t, "mruby", "-c", "homebrew/rota.rb")
}

// TestSrcinfo: .SRCINFO says what PKGBUILD says.
func TestSrcinfo(t *testing.T) {
	const list = `. ./PKGBUILD
printf 'pkgbase = %s\n' "$pkgname"
for name in pkgdesc pkgver pkgrel url arch license makedepends optdepends options source sha256sums; do
	declare -n all=$name
	for value in "${all[@]}"; do printf '\t%s = %s\n' "$name" "$value"; done
done
printf '\npkgname = %s\n' "$pkgname"`
	want, err := os.ReadFile("aur/.SRCINFO")
	if err != nil {
		t.Fatal(err)
	}
	if got := runs(t, "bash", "-euc", "cd aur\n"+list); got != string(want) {
		t.Errorf(".SRCINFO is not what PKGBUILD makes:\n%s", got)
	}
}

// TestPKGBUILD: what PKGBUILD puts into the package is there, or made by its build.
func TestPKGBUILD(t *testing.T) {
	work := t.TempDir()
	const pack = `. "$1/packaging/aur/PKGBUILD"
srcdir=$2/src pkgdir=$2/pkg
mkdir -p "$srcdir/$pkgname-$pkgver"
cp -r "$1/packaging" "$1/docs" "$1"/jobs.* "$1/LICENSE" "$srcdir/$pkgname-$pkgver"
cd "$srcdir/$pkgname-$pkgver"
touch rota rota.1 jobs.toml.5 completion.bash completion.zsh completion.fish # by build
cd "$srcdir"
package`
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	runs(t, "bash", "-euc", pack, "bash", top, work)
	for _, name := range []string{
		"usr/bin/rota", "usr/lib/systemd/system/rota.service", "usr/share/man/man1/rota.1", "usr/share/man/man5/jobs.toml.5",
		"usr/share/rota/jobs.schema.json", "usr/share/doc/rota/examples/recipes.toml", "usr/share/licenses/rota/LICENSE",
		"usr/share/zsh/site-functions/_rota",
	} {
		if _, err := os.Stat(filepath.Join(work, "pkg", name)); err != nil {
			t.Error(err)
		}
	}
}

// stub is what module.nix uses of nixpkgs.
const stub = `let
  lib = {
    mkIf = condition: value: value;
    mkOption = option: option;
    mkEnableOption = description: { inherit description; };
    types = { package = 1; path = 1; nullOr = t: t; listOf = t: t; };
  };
  pkgs = {
    bash = "bash";
    callPackage = file: arguments: "/usr";
    formats.toml = arguments: { type = 1; generate = name: value: "/store/${name}"; };
  };
  config = {
    services.rota = { enable = true; package = "/usr"; settings = { }; file = null; path = [ ]; };
    environment.etc."rota/jobs.toml".source = "/store/jobs.toml";
  };
  module = (import ./nix/module.nix { inherit config lib pkgs; }).config;
in
{ inherit (module.systemd.services) rota; inherit (module.environment) etc; }`

// TestNix: the package is Nix, and the service of NixOS is that of packaging/rota.service.
func TestNix(t *testing.T) {
	runs(t, "nix-instantiate", "--parse", "nix/package.nix")
	out := runs(t, "nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "--expr", stub)
	var got struct {
		Rota struct {
			Description            string
			After, Wants, WantedBy []string
			Documentation          []string
			ServiceConfig          map[string]string
		}
		Etc map[string]struct{ Source string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got.Etc["rota/jobs.toml"].Source != "/store/jobs.toml" {
		t.Errorf("the file is %+v", got.Etc)
	}
	f, err := os.Open("rota.service")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options, err := unit.DeserializeOptions(f)
	if err != nil {
		t.Fatal(err)
	}
	others := map[string]string{
		"Description": got.Rota.Description, "Documentation": strings.Join(got.Rota.Documentation, " "), "After": strings.Join(got.Rota.After, " "),
		"Wants": strings.Join(got.Rota.Wants, " "), "WantedBy": strings.Join(got.Rota.WantedBy, " "),
	}
	n := 0
	for _, o := range options {
		value, ok := got.Rota.ServiceConfig[o.Name]
		if o.Section == "Service" {
			n++
		} else {
			value, ok = others[o.Name]
		}
		if !ok || value != o.Value {
			t.Errorf("%s is %q, in rota.service %q", o.Name, value, o.Value)
		}
	}
	if n != len(got.Rota.ServiceConfig) {
		t.Errorf("%d lines of a service, in rota.service %d", len(got.Rota.ServiceConfig), n)
	}
}
