package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeSums writes SHA256SUMS, which sha256sum --check reads.
func (b *builder) writeSums() error {
	slices.Sort(b.dist)
	var text strings.Builder
	for _, name := range b.dist {
		content, err := os.ReadFile(filepath.Join(b.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(content), name)
	}
	if err := os.WriteFile(filepath.Join(b.out, "SHA256SUMS"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	fmt.Print(text.String())
	return nil
}

// write writes a file beside the packages.
func (b *builder) write(name string, content []byte) error {
	b.dist = append(b.dist, name)
	return os.WriteFile(filepath.Join(b.out, name), content, 0o644)
}
