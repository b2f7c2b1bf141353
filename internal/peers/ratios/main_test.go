package main

import (
	"flag"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 100, 2}, 3},
	} {
		if got := median(c.all); got != c.want {
			t.Errorf("median %v is %v, want %v", c.all, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	got := table([]result{
		{"* * * * *", "UTC", []float64{10, 200, 3000, 40, 50}, []int64{0, 0, 30, 4, 5}},
		{"0 3 * * *", "UTC", []float64{20, 180, 3000, 400, 500}, []int64{0, 0, 30, 4, 5}},
	})
	for _, want := range []string{
		"| expression | zone | rota | robfig | gronx | cronexpr | supercronic | best peer / rota |\n|---|---|--:|--:|--:|--:|--:|--:|\n",
		"| `* * * * *` | UTC | 10 (0) | 200 (0) | 3000 (30) | 40 (4) | 50 (5) | 4.0 |\n",
		"| `0 3 * * *` | UTC | 20 (0) | 180 (0) | 3000 (30) | 400 (4) | 500 (5) | 9.0 |\n",
		"The geometric mean of the ratios is 6.0.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table is\n%s\nwithout\n%s", got, want)
		}
	}
}

// TestMeasure tries each parser once: none may refuse what is measured.
func TestMeasure(t *testing.T) {
	if err := flag.Set("test.benchtime", "5ms"); err != nil {
		t.Fatal(err)
	}
	c, err := measure("0 30 2 * * SUN", "America/New_York", 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.ns) != 5 || c.ns[0] <= 0 || c.ratio() <= 0 {
		t.Errorf("measured %+v", c)
	}
}
