// Bench builds rota and the schedulers beside it, has each do the same work in turn,
// and prints what they took as a table in Markdown:
//
//	go run .                            every row, the median of 5 rounds
//	go run . -rows burst,one -rounds 9  some rows
//	go run . -list                      the rows
//	go run . -rota old=/tmp/rota        another build of rota, too
//
// Each round measures all of them once, one after the other, so that what else the
// machine does meets all. Before each measurement the machine must be quiet; one that
// began while it was not is marked with "~" in the table.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// supercronic is the version that is measured.
const supercronic = "github.com/aptible/supercronic@v0.2.48"

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var o options
	var others builds
	names := flag.String("rows", "", "the `NAMES` of rows, with a comma between them; all by default")
	list := flag.Bool("list", false, "name the rows and end")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flag.DurationVar(&o.quiet, "quiet", 20*time.Second, "how long to wait for the machine to be quiet")
	flag.BoolVar(&o.alone, "alone", false, "measure rota alone")
	flag.StringVar(&o.dir, "dir", "", "where to work, on the disk that is to be measured; a temporary directory by default")
	flag.Var(&others, "rota", "another build of rota to measure, as `NAME=PATH`; may be given again")
	flag.Parse()
	if *list {
		for _, r := range rows {
			fmt.Printf("%-12s %s\n", r.name, r.what)
		}
		return
	}
	chosen, err := choose(*names)
	if err == nil {
		err = run(o, chosen, others)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// options is how to measure.
type options struct {
	rounds int
	quiet  time.Duration
	alone  bool
	dir    string
}

// builds are programs with a name.
type builds []scheduler

func (b *builds) String() string { return "" }

func (b *builds) Set(text string) error {
	name, path, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("want NAME=PATH")
	}
	path, err := filepath.Abs(path)
	*b = append(*b, rota(name, path))
	return err
}

// choose returns the rows of some names; all, if there are none.
func choose(names string) ([]row, error) {
	if names == "" {
		return rows, nil
	}
	var chosen []row
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no row %q; -list names them", name)
		}
		chosen = append(chosen, rows[i])
	}
	return chosen, nil
}

// run measures and prints.
func run(o options, chosen []row, others builds) error {
	dir, err := os.MkdirTemp(o.dir, "rota-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	b, err := newBench(dir, o)
	if err != nil {
		return err
	}
	b.schedulers = append(b.schedulers, others...)
	if !o.alone {
		if err := b.addSupercronic(); err != nil {
			return err
		}
	}
	log.Printf("built after %s", time.Since(began).Round(time.Second))
	t := newTable(b.schedulers)
	var failed error
	for _, r := range chosen {
		if err := b.measure(r, t); err != nil { // the other rows are of use all the same
			err = fmt.Errorf("%s: %w", r.name, err)
			log.Print(err)
			failed = errors.Join(failed, err)
		}
	}
	fmt.Printf("%s\n\n%s", b.machine(), t)
	log.Printf("took %s", time.Since(began).Round(time.Second))
	return failed
}

// bench is what all measurements share.
type bench struct {
	options
	dir        string // of all
	root       string // of the checkout
	stamp      string // a program that notes when it was started
	schedulers []scheduler
	calm       time.Duration // how long a scheduler does nothing once it is done with a burst
}

// newBench builds rota and the program that the tasks run.
func newBench(dir string, o options) (*bench, error) {
	b := &bench{options: o, dir: dir, stamp: filepath.Join(dir, "stamp"), calm: 500 * time.Millisecond}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("start it in its directory: %w", err)
	}
	b.root = filepath.Join(strings.TrimSpace(string(out)), "..", "..", "..")
	path := filepath.Join(dir, "rota")
	// As the packages have it: see packaging/build/compile.go.
	if err := command(b.root, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "."); err != nil {
		return nil, err
	}
	b.schedulers = []scheduler{rota("rota", path)}
	source := filepath.Join(b.root, "internal/peers/bench/stamp/stamp.c")
	if err := command(dir, nil, "cc", "-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-o", b.stamp, source); err != nil {
		return nil, fmt.Errorf("%w; the tasks run a small program in C", err)
	}
	return b, nil
}

// addSupercronic builds supercronic.
func (b *bench) addSupercronic() error {
	if err := command(b.dir, []string{"GOBIN=" + b.dir, "GOFLAGS=-ldflags=-s", "CGO_ENABLED=0"}, "go", "install", supercronic); err != nil {
		return err
	}
	path := filepath.Join(b.dir, "supercronic")
	b.schedulers = append(b.schedulers, cron("supercronic", path), cron("supercronic -passthrough-logs", path, "-passthrough-logs"))
	return nil
}

// command runs a program in a directory.
func command(dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// measure fills in the lines of a row.
func (b *bench) measure(r row, t *table) error {
	for n := range b.rounds {
		if r.rounds > 0 && n >= r.rounds {
			return nil
		}
		var group sync.WaitGroup
		failed := make([]error, len(b.schedulers))
		for i, s := range b.schedulers {
			if r.only != nil && !r.only(s) {
				continue
			}
			quiet := b.awaitQuiet()
			group.Go(func() { failed[i] = b.measureOne(r, s, quiet, t) })
			if !r.together {
				group.Wait()
			}
		}
		group.Wait()
		if err := errors.Join(failed...); err != nil {
			return err
		}
	}
	return nil
}

// measureOne fills in the cells of a scheduler.
func (b *bench) measureOne(r row, s scheduler, quiet bool, t *table) error {
	values, err := r.measure(b, s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	log.Printf("%-12s %-30s %s", r.name, s.name, r.text(values))
	t.add(r, s, values, quiet)
	return nil
}
