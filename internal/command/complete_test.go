package command

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rota/internal/api"
	"rota/internal/control"
	"rota/internal/control/controltest"
	"rota/internal/escape"
)

// serve lets a service answer at a socket until the test ends.
func serve(t testing.TB, svc api.Service) (socket string) {
	dir, err := os.MkdirTemp("", "rota") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "sock")
	door, err := control.OpenSocket(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- control.NewServer(control.Options{Service: svc}).Serve(ctx, door) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func fakeService(t testing.TB) api.Service {
	f := controltest.NewFake()
	t.Cleanup(f.Close)
	return f
}

// completed returns what the words of a command line can become.
func completed(t testing.TB, words ...string) []string {
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if code := Main(append([]string{"rota", "__complete"}, words...), nil, out, nil); code != 0 {
		t.Errorf("%q: exit code %d", words, code)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		list = append(list, word)
	}
	return list
}

// surrounded makes only the test decide where the daemon and the file are.
func surrounded(t testing.TB, file string) {
	for _, name := range []string{"ROTA_SOCKET", "ROTA_URL", "ROTA_TOKEN", "ROTA_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("ROTA_CONFIG", file)
}

func TestComplete(t *testing.T) {
	defer func(was time.Duration) { completionTimeout = was }(completionTimeout)
	completionTimeout = time.Minute // the machine may be busy
	surrounded(t, filepath.Join(t.TempDir(), "none.toml"))
	t.Setenv("ROTA_SOCKET", serve(t, fakeService(t)))
	for _, c := range []struct{ typed, want string }{
		{"run ", "echo sleep yearly"},
		{"run e", "echo"},
		{"--json run e", "echo"},
		{"run --wait e", "echo"},
		{"run --id x e", "echo"},
		{"run --id e", ""},
		{"run echo ", "word="},
		{"run echo word=x ", ""},
		{"hold echo ", "sleep yearly"},
		{"skip echo ", ""},
		{"run -- --", ""},
		{"run --wa", "--wait"},
		{"--col", "--color"},
		{"--color ", "auto always never"},
		{"--color=a", "--color=auto --color=always"},
		{"queue ", "list start stop"},
		{"queue st", "start stop"},
		{"explain i", "interval in"},
		{"reschedule echo d", "default"},
		{"nosuch ", ""},
		{"check ", ":files"},
		{"run --input ", ":files"},
		{"-c ", ":files"},
		{"daemon --output ", "none raw prefix json"},
		{"result echo -o ", ":files"},
		{"list --state r", "running replaced"},
		{"forget --outcome=l", "--outcome=lost"},
		{"help sch", "schema"},
		{"reloa", "reload"},
	} {
		words := strings.Split(c.typed, " ")
		if got := strings.Join(completed(t, words...), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.typed, got, c.want)
		}
	}
}

// A daemon that does not answer is not waited for: the names come from the file.
func TestCompleteIsPatientForAMomentOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "jobs.toml"), "[rota]\ninclude = ['more/*.toml', \"gone\"]\n[tasks.a]\n[tasks.\"b@c\".env]\n[ tasks . d ]\n[queues.e]\nwrong [tasks.f]\n# [tasks.g]\n[tasks.a.http]\n")
	write(t, filepath.Join(dir, "more", "h.toml"), "include = [\"../jobs.toml\"]\n[tasks.h]\n")
	surrounded(t, filepath.Join(dir, "jobs.toml"))
	deaf, err := net.Listen("unix", filepath.Join(dir, "deaf"))
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	t.Setenv("ROTA_SOCKET", filepath.Join(dir, "deaf"))
	if got, want := completed(t, "run", ""), []string{"a", "b@c", "d", "h"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := completed(t, "queue", "stop", ""), []string{"e"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func write(t testing.TB, path, text string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A key press is answered within a tenth of a second, by the daemon or from the file.
func BenchmarkComplete10000Tasks(b *testing.B) {
	var file strings.Builder
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("task%05d", i))
		fmt.Fprintf(&file, "[tasks.%s]\ncron = \"%d * * * *\"\ncommand = \"true\"\n", names[i], i%60)
	}
	path := filepath.Join(b.TempDir(), "jobs.toml")
	write(b, path, file.String())
	fake := controltest.NewFake(names...)
	b.Cleanup(fake.Close)
	for name, socket := range map[string]string{"daemon": serve(b, fake), "file": filepath.Join(b.TempDir(), "nobody")} {
		b.Run(name, func(b *testing.B) {
			surrounded(b, path)
			b.Setenv("ROTA_SOCKET", socket)
			for b.Loop() {
				if n := len(completed(b, "run", "task0")); n != 10_000 {
					b.Fatalf("%d offers", n)
				}
			}
		})
	}
}

func FuzzComplete(f *testing.F) {
	for _, seed := range []string{"", "run e", "run --wait= ", "-- --", "--color=x", "-c x run ", "run echo w", "= = =", "queue st x", "-", "--=", "run -"} {
		f.Add(seed)
	}
	surrounded(f, filepath.Join(f.TempDir(), "none.toml"))
	f.Fuzz(func(t *testing.T, typed string) {
		words := strings.Split(typed, " ")
		for _, got := range completed(t, words...) {
			if last := words[len(words)-1]; got != ":files" && !strings.HasPrefix(got, escape.Line(last)) {
				t.Errorf("%q offers %q", typed, got)
			}
		}
	})
}
