package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	alloyFile    = "loki/duly.alloy"
	promtailFile = "loki/promtail.yml"
	logRulesFile = "loki/rules.yml"
	logDashboard = "loki/dashboard.json"
)

// pipeline is what an agent makes of a line.
type pipeline struct {
	path   string
	job    string
	json   map[string]string // name to key of the line
	source string            // of the time
	format string
	labels map[string]string // label to name
	meta   map[string]string // structured metadata to name
	keep   []string          // labels that stay
}

// promtail reads the pipeline of a configuration that has no key but those that are named here.
func promtail(t *testing.T) pipeline {
	t.Helper()
	var c struct {
		Server        struct{ Disable bool }
		Positions     struct{ Filename string }
		Clients       []struct{ URL string }
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string
				Labels  map[string]string
			} `yaml:"static_configs"`
			PipelineStages []struct {
				JSON       *struct{ Expressions map[string]string }
				Timestamp  *struct{ Source, Format string }
				Labels     map[string]string
				Metadata   map[string]string `yaml:"structured_metadata"`
				LabelAllow []string          `yaml:"labelallow"`
			} `yaml:"pipeline_stages"`
		} `yaml:"scrape_configs"`
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, promtailFile)))
	d.KnownFields(true)
	require.NoError(t, d.Decode(&c))
	require.NotEmpty(t, c.Positions.Filename, "or lines are sent again after each start")
	require.Equal(t, "${LOKI_URL}", c.Clients[0].URL)
	scrape := c.ScrapeConfigs[0]
	labels := scrape.StaticConfigs[0].Labels
	require.Equal(t, []string{"__path__", "job"}, slices.Sorted(maps.Keys(labels)))
	p := pipeline{path: labels["__path__"], job: labels["job"]}
	for i, stage := range scrape.PipelineStages {
		switch {
		case stage.JSON != nil:
			require.Zero(t, i, "what follows needs it")
			p.json = stage.JSON.Expressions
		case stage.Timestamp != nil:
			p.source, p.format = stage.Timestamp.Source, stage.Timestamp.Format
		case stage.Labels != nil:
			p.labels = stage.Labels
		case stage.Metadata != nil:
			p.meta = stage.Metadata
		case stage.LabelAllow != nil:
			require.Equal(t, len(scrape.PipelineStages)-1, i, "it is the last word")
			p.keep = stage.LabelAllow
		default:
			t.Fatalf("stage %d is unknown", i)
		}
	}
	return p
}

// alloy reads the pipeline of Alloy's configuration, which is in a language of its own.
func alloy(t *testing.T) pipeline {
	t.Helper()
	text := read(t, alloyFile)
	require.Equal(t, strings.Count(text, "{"), strings.Count(text, "}"))
	for _, wiring := range []string{
		"targets    = local.file_match.duly.targets", "forward_to = [loki.process.duly.receiver]", "forward_to = [loki.write.loki.receiver]",
		`loki.process "duly" {`, `loki.write "loki" {`, `url = sys.env("LOKI_URL")`,
	} {
		require.Contains(t, text, wiring)
	}
	one := func(pattern string) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
		require.Len(t, found, 1, pattern)
		return found[0][1]
	}
	// An empty value stands for the name itself.
	object := func(text string) map[string]string {
		all := map[string]string{}
		for _, pair := range regexp.MustCompile(`"(\w+)" = "(\w*)"`).FindAllStringSubmatch(text, -1) {
			if all[pair[1]] = pair[2]; pair[2] == "" {
				all[pair[1]] = pair[1]
			}
		}
		return all
	}
	return pipeline{
		path: one(`"__path__" = "([^"]*)"`), job: one(`"job" = "(\w+)"`),
		json:   object(one(`stage\.json \{\s*expressions = \{(.*)\}\s*\}`)),
		source: one(`stage\.timestamp \{\s*source = "(\w+)"`), format: one(`format = "(\w+)"\s*\}`),
		labels: object(one(`stage\.labels \{\s*values = \{(.*)\}\s*\}`)),
		meta:   object(one(`stage\.structured_metadata \{\s*values = \{(.*)\}\s*\}`)),
		keep:   strings.Split(strings.ReplaceAll(one(`stage\.label_keep \{\s*values = \[(.*)\]\s*\}`), `"`, ""), ", "),
	}
}

// ship returns what Loki is sent of a line: its labels, its structured metadata and its time.
func (p pipeline) ship(t *testing.T, line []byte) (labels, meta map[string]string, at time.Time) {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(line, &fields))
	extracted := map[string]string{}
	for name, key := range p.json {
		if v, ok := fields[key]; ok {
			extracted[name] = fmt.Sprint(v)
		}
	}
	take := func(into, names map[string]string) map[string]string {
		for name, from := range names {
			if v, ok := extracted[from]; ok {
				into[name] = v
			}
		}
		return into
	}
	require.Equal(t, "RFC3339Nano", p.format)
	at, err := time.Parse(time.RFC3339Nano, extracted[p.source])
	require.NoError(t, err)
	labels = take(map[string]string{"job": p.job, "filename": p.path}, p.labels) // both agents add the file's name
	maps.DeleteFunc(labels, func(name, _ string) bool { return !slices.Contains(p.keep, name) })
	return labels, take(map[string]string{}, p.meta), at
}

// Both agents ship the log with the labels job and level alone, and the ids of runs and requests as structured metadata.
func TestAgentsShipTheLog(t *testing.T) {
	require.Equal(t, promtail(t), alloy(t))
	example := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindStringSubmatch(read(t, "../docs/logs.md"))
	require.NotNil(t, example)
	var written bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&written, nil))
	log.With(slog.Int("run_id", 17)).ErrorContext(t.Context(), "panic in a step", slog.String("panic", "x"), slog.String("stack", "y"))
	log.InfoContext(t.Context(), "fired", slog.String("job", "billing"))
	lines := strings.Split(example[1]+"\n"+strings.TrimSpace(written.String()), "\n")
	require.Len(t, lines, 3)
	for i, want := range []struct{ level, run, request string }{
		{"DEBUG", "17", "run-17/sub_42_20260131-1"}, {"ERROR", "17", ""}, {"INFO", "", ""},
	} {
		labels, meta, at := promtail(t).ship(t, []byte(lines[i]))
		require.Equal(t, map[string]string{"job": "duly", "level": want.level}, labels)
		ids := map[string]string{"run_id": want.run, "request_id": want.request}
		maps.DeleteFunc(ids, func(_, id string) bool { return id == "" })
		require.Equal(t, ids, meta)
		require.False(t, at.IsZero())
	}
}

// asksForWhatIsShipped fails the test if a query of Loki selects or filters by what the agents do not send.
func asksForWhatIsShipped(t *testing.T, query string) {
	t.Helper()
	selectors := regexp.MustCompile(`\{(\w+="[^{}]*")\}`).FindAllStringSubmatch(query, -1)
	require.Len(t, selectors, 1, query)
	for pair := range strings.SplitSeq(selectors[0][1], ", ") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "job":
			require.Equal(t, `"duly"`, value, query)
		case "level":
			require.Contains(t, []string{`"ERROR"`, `"WARN"`}, value, query)
		default:
			t.Errorf("%s: %s is no label", query, name)
		}
	}
	for _, filter := range regexp.MustCompile(`\| (\w+)=~`).FindAllStringSubmatch(query, -1) {
		require.Contains(t, promtail(t).meta, filter[1], query)
	}
	for _, field := range regexp.MustCompile(`\.(\w+)\}\}`).FindAllStringSubmatch(query, -1) {
		require.Regexp(t, "\"msg\":|`"+field[1]+"`", read(t, "../docs/logs.md"), query)
	}
}

func TestOneErrorLineAlerts(t *testing.T) {
	var rules alertRules
	require.NoError(t, yaml.Unmarshal([]byte(read(t, logRulesFile)), &rules))
	require.Len(t, rules.Groups, 1)
	require.Len(t, rules.Groups[0].Rules, 1)
	rule := rules.Groups[0].Rules[0]
	require.Equal(t, "DulyErrorLogged", rule.Alert)
	asksForWhatIsShipped(t, rule.Expr)
	require.Contains(t, rule.Expr, `level="ERROR"`)
	require.Regexp(t, `> 0$`, rule.Expr, "one line is enough")
	require.NotContains(t, read(t, logRulesFile), "for:", "and once")
	leadsToTheRunbook(t, rule.Alert, rule.Annotations)
}

func TestLogDashboard(t *testing.T) {
	var d dashboard
	require.NoError(t, json.Unmarshal([]byte(read(t, logDashboard)), &d))
	var errors []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			asksForWhatIsShipped(t, target.Expr)
			require.Contains(t, target.Expr, `run_id=~"$run"`, p.Title)
			if strings.Contains(target.Expr, `level="ERROR"`) {
				errors = append(errors, p.Title)
			}
		}
	}
	require.Equal(t, []string{"Errors of the run"}, errors)
}
