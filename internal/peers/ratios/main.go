// Ratios measures how long rota and its peers take for one call of Next, and
// prints a table of it in Markdown. It counts processor time, in rounds in each of
// which all are measured once, and takes medians, so that what else the machine
// does matters little.
//
//	go run ./ratios -rounds 15 -time 30ms
package main

import (
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/internal/peers"
	"rota/schedule"
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 15, "how often each is measured")
	length := flag.Duration("time", 30*time.Millisecond, "how long each time")
	testing.Init()
	flag.Parse()
	if err := flag.Set("test.benchtime", length.String()); err != nil {
		log.Fatal(err)
	}
	var cases []result
	for _, text := range peers.Expressions {
		for _, zone := range peers.Zones {
			c, err := measure(text, zone, *rounds)
			if err != nil {
				log.Fatal(err)
			}
			cases = append(cases, c)
		}
	}
	fmt.Fprint(os.Stdout, table(cases))
}

// result is what was measured for one expression in one zone, by parser in the
// order of [peers.All].
type result struct {
	text, zone string
	ns         []float64 // medians
	allocs     []int64
}

func measure(text, name string, rounds int) (result, error) {
	zone, err := schedule.Zone(name)
	if err != nil {
		return result{}, err
	}
	instants := peers.Instants(zone)
	all := peers.All()
	times := make([][]float64, len(all))
	c := result{text: text, zone: name, allocs: make([]int64, len(all))}
	for range rounds {
		for i, p := range all {
			next, err := p.Parse(text, zone)
			if err != nil {
				return result{}, fmt.Errorf("%s: %w", p.Name, err)
			}
			var spent time.Duration
			b := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				before := processorTime()
				for i := 0; b.Loop(); i++ {
					next(instants[i%len(instants)])
				}
				spent = processorTime() - before
			})
			times[i] = append(times[i], float64(spent)/float64(b.N))
			c.allocs[i] = b.AllocsPerOp()
		}
	}
	for _, t := range times {
		c.ns = append(c.ns, median(t))
	}
	return c, nil
}

// processorTime returns how long this process has computed, its garbage
// collector with it.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(all []float64) float64 {
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// ratio is how many times longer the best peer takes than rota.
func (c result) ratio() float64 { return slices.Min(c.ns[1:]) / c.ns[0] }

// table writes all results, and the geometric mean of the ratios.
func table(cases []result) string {
	var b strings.Builder
	fmt.Fprint(&b, "ns per Next, allocations in brackets\n\n| expression | zone |")
	for _, p := range peers.All() {
		fmt.Fprintf(&b, " %s |", p.Name)
	}
	fmt.Fprint(&b, " best peer / rota |\n|---|---|", strings.Repeat("--:|", len(peers.All())+1), "\n")
	logs := 0.0
	for _, c := range cases {
		fmt.Fprintf(&b, "| `%s` | %s |", c.text, c.zone)
		for i, ns := range c.ns {
			fmt.Fprintf(&b, " %.0f (%d) |", ns, c.allocs[i])
		}
		fmt.Fprintf(&b, " %.1f |\n", c.ratio())
		logs += math.Log(c.ratio())
	}
	fmt.Fprintf(&b, "\nThe geometric mean of the ratios is %.1f.\n", math.Exp(logs/float64(len(cases))))
	return b.String()
}
