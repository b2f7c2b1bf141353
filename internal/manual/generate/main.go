// Generate writes the schema of jobs.toml to the path that it is given.
package main

import (
	"log"
	"os"

	"rota/internal/manual"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: generate FILE")
	}
	if err := os.WriteFile(os.Args[1], manual.Schema(), 0o644); err != nil {
		log.Fatal(err)
	}
}
