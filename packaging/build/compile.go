package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// program is rota for one architecture.
type program struct{ arch, path string }

// compile builds rota for each architecture, and for this machine, where it is
// asked for its pages, schema and completions.
func (b *builder) compile() (programs []program, err error) {
	for _, arch := range b.arches {
		p, err := b.compileFor(arch)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	return programs, nil
}

func (b *builder) compileFor(arch string) (program, error) {
	p := program{arch, filepath.Join(b.stage, "rota-"+arch)}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=exe",
		"-ldflags=-s -w -buildid= -X rota/internal/command.release="+b.version, "-o", p.path, ".")
	cmd.Dir = b.top
	// What somebody has in their environment is not to change the bytes.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off",
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return p, fmt.Errorf("go build for %s: %w", arch, err)
	}
	return p, nil
}

// ask runs rota of this machine.
func (b *builder) ask(programs []program, args ...string) ([]byte, error) {
	for _, p := range programs {
		if p.arch == runtime.GOARCH {
			cmd := exec.Command(p.path, args...)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return nil, fmt.Errorf("rota %s: %w", args[0], err)
			}
			return out, nil
		}
	}
	p, err := b.compileFor(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	return b.ask([]program{p}, args...)
}
