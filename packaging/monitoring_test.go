package packaging_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// known are the metrics that there are: those of rota, and some of every program and of
// Prometheus itself.
func known(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../internal/metrics/testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"up", "process_start_time_seconds", "process_resident_memory_bytes"}
	for line := range strings.Lines(string(text)) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		if all = append(all, name); strings.HasPrefix(kind, "histogram") {
			all = append(all, name+"_bucket", name+"_sum", name+"_count")
		}
	}
	return all
}

// The parts of a query that are no metrics: texts, label matchers, spans, and the labels
// of clauses.
var (
	noMetric = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)|\b(or|and|unless|bool|on|by)\b`)
	word     = regexp.MustCompile(`\b[a-zA-Z_][a-zA-Z0-9_]*\b\s*\(?`)
	values   = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
)

// metricsOf are the metrics that a query names.
func metricsOf(query string) (names []string) {
	if m := values.FindStringSubmatch(query); m != nil {
		query = m[1]
	}
	for _, w := range word.FindAllString(noMetric.ReplaceAllString(query, " "), -1) {
		if !strings.HasSuffix(w, "(") { // a function
			names = append(names, strings.TrimSpace(w))
		}
	}
	return names
}

func TestMetricsOf(t *testing.T) {
	for query, want := range map[string]string{
		`histogram_quantile(0.5, sum by (job, le) (rate(a_bucket{b=~"$c, up"}[5m]))) > 60`: "a_bucket",
		`(a unless b) < on (job) group_left () (time() - c)`:                               "a b c",
		`label_values(a{b="c"}, d)`:                                                        "a",
		`count(a > 0) or vector(0)`:                                                        "a",
	} {
		if got := strings.Join(metricsOf(query), " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// rules are the queries of the alert rules.
func rules(t *testing.T) (queries []string) {
	t.Helper()
	text, err := os.ReadFile("prometheus/rota.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^        expr: (\|\n((?:          .*\n)+)|(.+)\n)`).FindAllStringSubmatch(string(text), -1) {
		queries = append(queries, strings.Join(strings.Fields(m[2]+m[3]), " "))
	}
	if n := strings.Count(string(text), "- alert:"); n != len(queries) || n == 0 {
		t.Errorf("%d alerts with %d queries", n, len(queries))
	}
	return queries
}

// dashboard are the queries of the dashboard, and those of its variables.
func dashboard(t *testing.T) (queries, variables []string) {
	t.Helper()
	text, err := os.ReadFile("grafana/rota.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
		Templating  struct {
			List []struct{ Type, Query string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		queries = append(queries, a.Expr)
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			variables = append(variables, v.Query)
		}
	}
	return queries, variables
}

// TestQueriesNameMetrics: the alert rules and the dashboard ask for what there is, and
// between them for all that rota has.
func TestQueriesNameMetrics(t *testing.T) {
	all := known(t)
	queries, variables := dashboard(t)
	asked := map[string]bool{}
	for _, q := range slices.Concat(rules(t), queries, variables) {
		names := metricsOf(q)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing", q)
		}
		for _, name := range names {
			asked[strings.TrimSuffix(name, "_bucket")] = true
			if !slices.Contains(all, name) {
				t.Errorf("%s: there is no metric %s", q, name)
			}
		}
	}
	for _, name := range all {
		whole := regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
		if whole != "rota_task_last_run_timestamp_seconds" && !asked[whole] {
			t.Errorf("nobody asks for %s", name)
		}
	}
}

// TestPromtool: Prometheus reads the rules and every query of the dashboard, and the
// rules alert when they should.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool")
	}
	queries, _ := dashboard(t)
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	type group struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	g := group{Name: "dashboard"}
	for i, q := range queries {
		g.Rules = append(g.Rules, rule{fmt.Sprint("query:", i), strings.ReplaceAll(q, "$__rate_interval", "5m")})
	}
	text, err := json.Marshal(map[string]any{"groups": []group{g}}) // which is YAML, too
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", "prometheus/rota.rules.yml"}, {"test", "rules", "prometheus/rota.rules.test.yml"}, {"check", "rules", file},
	} {
		if said, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
}
