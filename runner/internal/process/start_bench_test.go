package process

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// programVariable names the program that BenchmarkStart starts.
const programVariable = "ROTA_BENCH_PROGRAM"

// BenchmarkStart starts a program that writes nothing and waits for its end, one start after
// the other, as rota does it, and by os/exec with two pipes, with the processor time that this process took.
func BenchmarkStart(b *testing.B) {
	program := cmp.Or(os.Getenv(programVariable), "/bin/true")
	dir := b.TempDir()
	l := Launch{
		Argv: []string{program}, Attempt: Attempt{StateDir: dir, Run: "t/key", Number: 1},
		Settings: Settings{Base: dir, Umask: uint32(currentUmask())},
		Files:    true, ResultMax: 1 << 20, ResultTo: filepath.Join(dir, "result"), Listed: true,
	}
	for _, c := range []struct {
		name  string
		start func() error
	}{
		{"rota", func() error {
			_, err := l.Run(context.Background(), io.Discard)
			return err
		}},
		{"exec", func() error {
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(program)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			return cmd.Run()
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := ownTime(b)
			for b.Loop() {
				if err := c.start(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "starts/s")
			b.ReportMetric(float64(ownTime(b)-before)/float64(b.N), "cpu-ns/start")
		})
	}
}

// ownTime is the processor time of this process, in nanoseconds.
func ownTime(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
