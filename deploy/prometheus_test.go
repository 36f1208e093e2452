package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"duly/internal/telemetry/metrics"
	"duly/internal/test/testprom"
)

const (
	alertsFile    = "prometheus/alerts.yml"
	dashboardFile = "grafana/duly.json"
)

type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert, Record, Expr string
			Annotations         map[string]string
		}
	}
}

// names are the metrics that there are, also those that a histogram is made of.
func names() map[string]bool {
	all := map[string]bool{}
	for _, d := range metrics.Descriptions() {
		all[d.Name] = true
		if d.Type == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				all[d.Name+part] = true
			}
		}
	}
	return all
}

var metricNames = regexp.MustCompile(`\bduly[_:][a-z_]+\b`)

// promtool runs it in this folder.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), testprom.Program(t, "promtool"), args...).CombinedOutput()
	require.NoError(t, err, string(said))
}

// leadsToTheRunbook fails the test unless an alert names its own section of the runbook, and the section is there.
func leadsToTheRunbook(t *testing.T, alert string, annotations map[string]string) {
	t.Helper()
	require.NotEmpty(t, annotations["summary"], alert)
	path, anchor, _ := strings.Cut(annotations["runbook_url"], "#")
	require.Equal(t, "docs/runbook.md", path, alert)
	require.Contains(t, anchors(read(t, "../"+path)), anchor, alert)
	require.Equal(t, strings.ToLower(alert), anchor)
}

// anchors are the names by which the headings of a page can be linked to.
func anchors(page string) []string {
	var all []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(anchor, " ", "-"))
	}
	return all
}

func TestAlertRules(t *testing.T) {
	promtool(t, "check", "rules", alertsFile)
	promtool(t, "test", "rules", "prometheus/alerts_test.yml")
	var rules alertRules
	require.NoError(t, yaml.Unmarshal([]byte(read(t, alertsFile)), &rules))
	known, alerts := names(), []string{}
	for _, r := range rules.Groups[0].Rules {
		for _, name := range metricNames.FindAllString(r.Expr, -1) {
			require.True(t, known[name], "%s: %s is no metric", r.Alert+r.Record, name)
		}
		if r.Record != "" {
			known[r.Record] = true
			continue
		}
		alerts = append(alerts, r.Alert)
		leadsToTheRunbook(t, r.Alert, r.Annotations)
		require.Contains(t, read(t, "prometheus/alerts_test.yml"), "alertname: "+r.Alert+"\n        exp_alerts", "it is seen to fire")
	}
	slices.Sort(alerts)
	require.Equal(t, []string{
		"DulyCircuitOpen", "DulyDeadEvents", "DulyFailed", "DulyFindings", "DulyInDoubt", "DulyInReview", "DulyLeaseLost", "DulyNoSuccess",
	}, slices.Compact(alerts))
}

type dashboard struct {
	Panels []struct {
		ID         int
		Type       string
		Title      string
		Datasource struct{ UID string }
		GridPos    struct{ X, Y, W, H int }
		Targets    []struct{ RefID, Expr string }
	}
	Templating struct {
		List []struct{ Name, Type string }
	}
}

// The dashboard shows every metric, asks for none that is not there, and its panels lie beside one another.
func TestDashboard(t *testing.T) {
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(read(t, dashboardFile)), &d))
	require.Equal(t, "datasource", d.Templating.List[0].Name)
	known, shown, taken, ids := names(), map[string]bool{}, map[[2]int]string{}, map[int]bool{}
	var rules strings.Builder
	rules.WriteString("groups: [{name: dashboard, rules: [")
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.NotEmpty(t, p.Title)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for i, target := range p.Targets {
			for _, name := range metricNames.FindAllString(target.Expr, -1) {
				require.True(t, known[name], "%s: %s is no metric", p.Title, name)
				shown[strings.TrimSuffix(name, "_bucket")] = true
			}
			expr, err := json.Marshal(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			require.NoError(t, err)
			rules.WriteString(strings.Join([]string{"{record: 'panel", string(rune('a' + p.ID/26)), string(rune('a' + p.ID%26)), string(rune('a' + i)), "', expr: ", string(expr), "}, "}, ""))
		}
	}
	for _, m := range metrics.Descriptions() {
		require.True(t, shown[m.Name], "no panel shows %s", m.Name)
	}
	rules.WriteString("]}]\n")
	path := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(path, []byte(rules.String()), 0o600))
	promtool(t, "check", "rules", path)
}
