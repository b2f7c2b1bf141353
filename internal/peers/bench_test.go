package peers

import (
	"testing"

	"rota/schedule"
)

// BenchmarkNext measures one call of Next; gronx reads the expression in it.
func BenchmarkNext(b *testing.B) {
	for _, text := range Expressions {
		for _, name := range Zones {
			zone, err := schedule.Zone(name)
			if err != nil {
				b.Fatal(err)
			}
			instants := Instants(zone)
			for _, p := range All() {
				next, err := p.Parse(text, zone)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(text+"/"+name+"/"+p.Name, func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						next(instants[i%len(instants)])
					}
				})
			}
		}
	}
}
