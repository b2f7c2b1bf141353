package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// writeSBOM writes what is in the program as a CycloneDX list: the modules that the
// linker noted in it, and Go itself.
func (b *builder) writeSBOM(p program) error {
	info, err := buildinfo.ReadFile(p.path)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(p.path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	// The same program has the same number: a UUID of version 8, which is free to say what.
	id := sum
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	purl := "pkg:generic/rota@" + b.version + "?arch=" + p.arch
	type object = map[string]any
	list := object{
		"bomFormat":    "CycloneDX",
		"specVersion":  "1.5",
		"serialNumber": fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		"version":      1,
		"metadata": object{
			"timestamp": b.stamp.Format(time.RFC3339),
			"component": object{
				"type": "application", "bom-ref": purl, "name": "rota", "version": b.version, "purl": purl,
				"licenses": []object{{"license": object{"id": "MIT"}}},
				"hashes":   []object{{"alg": "SHA-256", "content": hex.EncodeToString(sum[:])}},
			},
		},
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	std := "pkg:golang/std@" + goVersion
	components := []object{{"type": "library", "bom-ref": std, "name": "std", "version": goVersion, "purl": std}}
	refs := []string{std}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		ref := "pkg:golang/" + m.Path + "@" + m.Version
		components = append(components, object{"type": "library", "bom-ref": ref, "name": m.Path, "version": m.Version, "purl": ref})
		refs = append(refs, ref)
	}
	list["components"] = components
	list["dependencies"] = []object{{"ref": purl, "dependsOn": refs}}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return b.write(fmt.Sprintf("rota_%s_linux_%s.cdx.json", b.version, p.arch), append(text, '\n'))
}
