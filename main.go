//go:build linux

// Command rota is a task scheduler: one binary, one TOML file.
package main

import (
	"os"

	"rota/internal/command"
)

func main() {
	os.Exit(command.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
