package command

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rota/internal/api"
)

// edited is a daemon that has not read an edit yet.
type edited struct{ api.Service }

func (e edited) Status(ctx context.Context) (api.Status, error) {
	st, err := e.Service.Status(ctx)
	st.Differs = true
	return st, err
}

// A client of a daemon gets a notice, beside the answer, that the file has changed since
// it was loaded; reload prints no such notice.
func TestDiffers(t *testing.T) {
	socket := serve(t, edited{fakeService(t)})
	for line, want := range map[string]string{
		"list": differsText + "\n", "list -q": "", "list --json": "", "reload": "", "status": "",
	} {
		dir := t.TempDir()
		stdout, err := os.Create(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		stderr, err := os.Create(filepath.Join(dir, "err"))
		if err != nil {
			t.Fatal(err)
		}
		code := Main(append([]string{"rota", "--socket", socket}, strings.Fields(line)...), nil, stdout, stderr)
		text, err := os.ReadFile(stderr.Name())
		if err != nil || code != 0 || string(text) != want {
			t.Errorf("%s: code %d, %q, %v, want %q", line, code, text, err, want)
		}
	}
}
