// Image puts rota into a container image of nothing else, for amd64 and arm64, without
// a container engine:
//
//	image [-o DIR] [-tag NAME] [-certs FILE] PROGRAM…
//
// It writes an OCI image layout. The same programs make the same bytes: all times are
// SOURCE_DATE_EPOCH, else 1970.
package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// owner is who rota runs as, and whom its state belongs to.
const owner = 65534

func main() {
	out := flag.String("o", "dist/image", "write the layout to `DIR`, which must not be there")
	tag := flag.String("tag", "latest", "what others call the image in it")
	certs := flag.String("certs", "", "put the certificates in `FILE` into the image; without any, https needs a volume")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: image [-o DIR] [-tag NAME] [-certs FILE] PROGRAM…\n\nwith a PROGRAM for each architecture, made by CGO_ENABLED=0 GOARCH=… go build\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, *tag, *certs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(out, tag, certs string, programs []string) error {
	at, err := epoch(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	var trusted []byte
	if certs != "" {
		if trusted, err = os.ReadFile(certs); err != nil {
			return err
		}
	}
	all := map[string]v1.Image{}
	for _, path := range programs {
		program, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		arch, err := architecture(program)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if all[arch] != nil {
			return fmt.Errorf("%s is the second program for %s", path, arch)
		}
		if all[arch], err = build(arch, program, trusted, at); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return write(out, tag, all)
}

// epoch is the time that everything in the image has.
func epoch(text string) (time.Time, error) {
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, no number of seconds", text)
	}
	return time.Unix(n, 0).UTC(), nil
}

// architecture is that of a program, as containers call it. In an image that holds
// nothing else, only a program that is statically linked can start.
func architecture(program []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return "", fmt.Errorf("no program for Linux: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("not statically linked; build it with CGO_ENABLED=0")
		}
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	}
	return "", fmt.Errorf("for %s, not for amd64 or arm64", f.Machine)
}

// build makes the image for one architecture.
func build(arch string, program, trusted []byte, at time.Time) (v1.Image, error) {
	files, err := layer(program, trusted, at)
	if err != nil {
		return nil, err
	}
	one, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.Append(img, mutate.Addendum{Layer: one, History: v1.History{Created: v1.Time{Time: at}, CreatedBy: "rota packaging/image"}}); err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, cfg.Created = "linux", arch, v1.Time{Time: at}
	if arch == "arm64" {
		cfg.Variant = "v8"
	}
	cfg.Config = settings()
	return mutate.ConfigFile(img, cfg)
}

// settings is how a container of the image runs. The Dockerfile says the same.
func settings() v1.Config {
	return v1.Config{
		User:       fmt.Sprintf("%d:%[1]d", owner),
		Env:        []string{"PATH=/usr/bin:/bin", "ROTA_CONFIG=/etc/rota/jobs.toml", "ROTA_STATE_DIR=/var/lib/rota"},
		Entrypoint: []string{"/usr/bin/rota"},
		Cmd:        []string{"daemon"},
		Volumes:    map[string]struct{}{"/var/lib/rota": {}},
		WorkingDir: "/",
		// That of Docker and Podman; Kubernetes has probes of its own.
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "rota", "ping", "-q"}},
		Labels:      map[string]string{"org.opencontainers.image.title": "rota", "org.opencontainers.image.licenses": "MIT"},
	}
}

// layer is the root directory of the image, as a tar file.
func layer(program, trusted []byte, at time.Time) ([]byte, error) {
	type entry struct {
		name  string // of a directory with a slash at the end
		mode  int64
		owner int
		text  []byte
	}
	all := []entry{
		{"etc/", 0o755, 0, nil},
		{"etc/group", 0o644, 0, fmt.Appendf(nil, "root:x:0:\nrota:x:%d:\n", owner)},
		{"etc/passwd", 0o644, 0, fmt.Appendf(nil, "root:x:0:0:root:/:/bin/false\nrota:x:%d:%[1]d:rota:/var/lib/rota:/bin/false\n", owner)},
		{"etc/rota/", 0o755, 0, nil},
		{"tmp/", 0o1777, 0, nil},
		{"usr/", 0o755, 0, nil},
		{"usr/bin/", 0o755, 0, nil},
		{"usr/bin/rota", 0o755, 0, program},
		{"var/", 0o755, 0, nil},
		{"var/lib/", 0o755, 0, nil},
		{"var/lib/rota/", 0o750, owner, nil},
	}
	if trusted != nil {
		all = append(all, entry{"etc/ssl/", 0o755, 0, nil}, entry{"etc/ssl/certs/", 0o755, 0, nil}, entry{"etc/ssl/certs/ca-certificates.crt", 0o644, 0, trusted})
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range all {
		h := &tar.Header{Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.text)), ModTime: at, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if e.name[len(e.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// write makes a layout with one index of the images by architecture. It appears whole
// or not at all.
func write(out, tag string, all map[string]v1.Image) error {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; remove it, or name another with -o", out)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range slices.Sorted(maps.Keys(all)) {
		cfg, err := all[arch].ConfigFile()
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: all[arch], Descriptor: v1.Descriptor{Platform: cfg.Platform()}})
	}
	half := out + ".part"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	path, err := layout.Write(half, empty.Index)
	if err == nil {
		err = path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag}))
	}
	if err == nil {
		err = filepath.WalkDir(half, sameMode)
	}
	if err == nil {
		err = os.Rename(half, out)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(half))
	}
	return nil
}

// sameMode gives every file of a layout the same mode: the library leaves some that only
// their owner can read.
func sameMode(path string, d fs.DirEntry, err error) error {
	if err != nil || d.IsDir() {
		return err
	}
	return os.Chmod(path, 0o644)
}
