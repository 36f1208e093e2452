package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// graph maps each package, by its folder, to the packages of this module that
// its own code imports (that of its tests is free).
type graph map[string][]string

// rule says what a package, or with subfolders everything below it too, may import.
type rule struct {
	folder     string
	subfolders bool
	may        []string // folders, or everything
}

// everything is what programs may import.
const everything = "..."

// table is the law. The first rule that fits a folder counts.
func table() []rule {
	domain := []string{"internal/text", "internal/sum", "internal/payment", "internal/billing", "internal/billing/adoption", "internal/billing/advance", "internal/billing/answers", "internal/billing/brake", "internal/billing/dunning", "internal/billing/explain", "internal/billing/guard", "internal/billing/network", "internal/billing/notice", "internal/billing/planned", "internal/billing/record", "internal/billing/reopening", "internal/orders", "internal/refunds", "internal/audit", "internal/outbox", "internal/crash"}
	data := slices.Concat(domain, []string{"internal/batch", "internal/mysql", "internal/mysql/sqltext"})
	sides := slices.Concat(data, []string{"internal/runs", "internal/store"})
	steps := slices.Concat(domain, []string{"internal/batch", "internal/gateway", "internal/notify"})
	screen := slices.Concat(data, []string{"config", "internal/cli", "internal/exit", "internal/leasewait", "internal/query", "internal/query/details", "internal/query/worklist", "internal/runs", "internal/telemetry/runstate", "internal/session", "internal/view", "jobs"})
	session := []string{"internal/gateway", "internal/logfile", "internal/mysql/private", "internal/notify", "internal/operator", "internal/redact", "internal/store", "migrations", "steps"}
	command := slices.Concat(screen, session, []string{"internal/inspect", "internal/suspicion"})
	run := slices.Concat(command, []string{"internal/announce", "internal/alert", "internal/telemetry/metrics", "internal/page", "internal/preview", "internal/report", "internal/telemetry", "internal/telemetry/tracing", "internal/witness", "internal/runlock", "internal/wholefile", "writers"})
	return []rule{
		{folder: "internal/payment"},
		{folder: "internal/batch", may: []string{"internal/sum"}},
		{folder: "internal/sum"},
		{folder: "internal/wholefile"},
		{folder: "internal/logfile"},
		{folder: "internal/crash"},
		{folder: "internal/buildinfo"},
		{folder: "internal/outbox"},
		{folder: "internal/redact"},
		{folder: "internal/text"},
		{folder: "internal/witness"},
		{folder: "internal/runlock"},
		{folder: "internal/archtest"},
		{folder: "internal/dist"},
		{folder: "internal/mutants"},
		{folder: "internal/model", subfolders: true, may: []string{"internal/model/search"}},
		{folder: "internal/mysql/private"},
		{folder: "internal/mysql/sqltext"},
		{folder: "config", may: []string{"internal/payment"}},
		{folder: "migrations"},
		{folder: "internal/billing/network", may: []string{"internal/payment"}},
		{folder: "internal/billing/answers", may: []string{"internal/payment"}},
		{folder: "internal/billing/dunning", may: []string{"internal/payment"}},
		{folder: "internal/billing/guard", may: []string{"internal/payment"}},
		{folder: "internal/billing", may: []string{"internal/billing/answers", "internal/billing/dunning", "internal/billing/guard", "internal/billing/network", "internal/payment", "internal/redact", "internal/text"}},
		{folder: "internal/billing", subfolders: true, may: []string{"internal/payment", "internal/billing", "internal/billing/advance", "internal/billing/dunning", "internal/billing/guard", "internal/billing/network", "internal/billing/planned"}},
		{folder: "internal/orders", may: []string{"internal/payment", "internal/text"}},
		{folder: "internal/refunds", may: []string{"internal/payment", "internal/billing", "internal/orders"}},
		{folder: "internal/audit", may: []string{"internal/payment", "internal/billing", "internal/orders", "internal/text", "internal/sum"}},
		{folder: "internal/notify", subfolders: true, may: []string{"internal/payment", "internal/notify", "internal/text"}},
		{folder: "internal/gateway", may: []string{"internal/payment", "internal/gateway/ratelimit"}},
		{folder: "internal/gateway/ratelimit"},
		{folder: "internal/gateway/simulator/pace"},
		{folder: "internal/gateway/simulator/plan", may: []string{"internal/payment", "internal/gateway/simulator/pace"}},
		{folder: "internal/gateway/simulator/core", may: []string{"internal/payment", "internal/gateway/simulator/pace", "internal/gateway/simulator/plan"}},
		{folder: "internal/gateway/simulator", may: []string{"internal/gateway/simulator/core", "internal/gateway/simulator/plan", "internal/gateway/simulator/httpapi", "internal/gateway/simulator/portone", "internal/gateway/simulator/toss", "internal/gateway/simulator/stripe", "internal/gateway/simulator/kakaopay"}},
		{folder: "internal/gateway/simulator/portone", may: []string{"internal/payment", "internal/gateway/simulator/core", "internal/gateway/simulator/plan", "internal/gateway/simulator/toss"}},
		{folder: "internal/gateway/simulator", subfolders: true, may: []string{"internal/payment", "internal/gateway/simulator/core", "internal/gateway/simulator/plan"}},
		{folder: "internal/gateway/exchange", may: []string{"internal/payment", "internal/gateway", "internal/crash", "internal/redact"}},
		{folder: "internal/gateway/gatewaytest", may: []string{"internal/payment", "internal/gateway"}},
		{folder: "internal/gateway/gatewaytest/outside", may: []string{"internal/payment", "internal/gateway", "internal/gateway/contract", "internal/gateway/gatewaytest", "internal/redact"}},
		{folder: "internal/gateway/portone", may: []string{"internal/payment", "internal/gateway", "internal/gateway/exchange", "internal/gateway/provider", "internal/gateway/toss"}},
		{folder: "internal/gateway/toss", may: []string{"internal/payment", "internal/gateway", "internal/gateway/exchange", "internal/gateway/provider"}},
		{folder: "internal/gateway/stripe", may: []string{"internal/payment", "internal/gateway", "internal/gateway/exchange", "internal/gateway/provider"}},
		{folder: "internal/gateway/kakaopay", may: []string{"internal/payment", "internal/gateway", "internal/gateway/exchange", "internal/gateway/provider"}},
		{folder: "internal/gateway", subfolders: true, may: []string{"internal/payment", "internal/gateway", "internal/gateway/exchange", "internal/redact"}},
		{folder: "internal/mysql", may: []string{"internal/batch", "internal/crash", "internal/mysql/sqltext", "migrations"}},
		{folder: "internal/runs", may: []string{"internal/batch", "internal/mysql", "internal/runlock"}},
		{folder: "internal/store", may: data},
		{folder: "internal/inserted", may: sides},
		{folder: "internal/noticerows", may: sides},
		{folder: "internal/endings", may: sides},
		{folder: "internal/announce", may: slices.Concat(sides, []string{"internal/amounts", "internal/query", "internal/noticerows", "writers"})},
		{folder: "internal/query", may: slices.Concat(sides, []string{"internal/changes", "internal/noticerows", "readers"})},
		{folder: "internal/query", subfolders: true, may: slices.Concat(sides, []string{"internal/changes", "internal/query", "readers"})},
		{folder: "internal/leasewait", may: slices.Concat(data, []string{"internal/query"})},
		{folder: "internal/operator", may: slices.Concat(sides, []string{"internal/endings", "internal/refundrows", "internal/query", "internal/query/details", "readers"})},
		{folder: "internal/telemetry/runstate", may: []string{"internal/payment", "internal/gateway", "internal/mysql", "internal/runs"}},
		{folder: "internal/telemetry/metrics", may: []string{"internal/batch", "internal/gateway", "internal/mysql", "internal/sum", "internal/wholefile"}},
		{folder: "internal/telemetry/tracing", may: []string{"internal/batch", "internal/gateway"}},
		{folder: "internal/report", may: []string{"internal/payment", "internal/text", "internal/sum"}},
		{folder: "internal/adapters", may: []string{"config", "internal/cli", "internal/gateway", "internal/gateway/httpapi", "internal/gateway/kakaopay", "internal/gateway/portone", "internal/gateway/provider", "internal/gateway/stripe", "internal/gateway/toss", "internal/session"}},
		{folder: "internal/schedule", may: []string{"config", "internal/batch", "internal/cli", "internal/exit", "internal/mysql", "internal/runs", "internal/session", "internal/text"}},
		{folder: "internal/exit", may: []string{"internal/batch", "internal/mysql"}},
		{folder: "internal/cli", may: []string{"config", "internal/batch", "internal/exit", "internal/payment", "internal/redact", "internal/text"}},
		{folder: "internal/session", may: slices.Concat(session, data, []string{"config", "internal/cli", "internal/exit", "jobs"})},
		{folder: "internal/suspicion", may: []string{"config", "internal/batch", "internal/exit", "internal/mysql", "internal/query", "internal/session", "internal/store", "internal/witness"}},
		{folder: "internal/view", may: screen},
		{folder: "internal/inspect", may: slices.Concat(screen, []string{"internal/amounts", "internal/endings", "internal/noticerows", "internal/operator", "internal/store"})},
		{folder: "internal/decide", may: append(slices.Clone(command), "internal/refundrows", "internal/registry")},
		{folder: "internal/checkup", may: append(slices.Clone(command), "internal/changes", "internal/runlock", "internal/gateway/contract", "internal/gateway/gatewaytest", "internal/gateway/gatewaytest/outside")},
		{folder: "internal/alert", may: slices.Concat(screen, []string{"internal/notify", "internal/registry"})},
		{folder: "internal/page", may: slices.Concat(screen, []string{"internal/report", "internal/wholefile"})},
		{folder: "internal/telemetry", may: slices.Concat(screen, []string{"internal/gateway", "internal/telemetry/metrics", "internal/notify", "internal/telemetry/tracing", "steps"})},
		{folder: "internal/registry", may: append(slices.Clone(run), "internal/methods", "internal/planning")},
		{folder: "internal/app", may: append(slices.Clone(run), "internal/registry")},
		{folder: "internal/claims", may: sides},
		{folder: "internal/amounts", may: slices.Concat(sides, []string{"internal/changes"})},
		{folder: "internal/methods", may: slices.Concat(sides, []string{"internal/claims"})},
		{folder: "internal/changes", may: sides},
		{folder: "internal/planning", may: slices.Concat(sides, []string{"internal/changes", "internal/query", "internal/query/worklist"})},
		{folder: "internal/eventrows", may: data},
		{folder: "internal/billable", may: slices.Concat(sides, []string{"internal/claims", "internal/methods"})},
		{folder: "internal/failedrows", may: slices.Concat(sides, []string{"internal/query/worklist"})},
		{folder: "internal/refunding", may: slices.Concat(sides, steps, []string{"internal/failedrows", "internal/refundrows", "steps", "writers"})},
		{folder: "internal/refundrows", may: slices.Concat(sides, []string{"internal/claims"})},
		{folder: "readers", may: slices.Concat(sides, []string{"internal/amounts", "internal/noticerows", "internal/refundrows", "internal/changes", "internal/claims", "internal/billable", "internal/eventrows", "internal/inserted", "internal/methods"})},
		{folder: "writers", may: slices.Concat(sides, []string{"internal/endings", "internal/inserted", "internal/refundrows"})},
		{folder: "steps", may: steps},
		{folder: "jobs", may: slices.Concat(sides, steps, []string{"internal/methods", "internal/announce", "internal/refunding", "internal/refundrows", "internal/claims", "internal/failedrows", "internal/inserted", "internal/planning", "config", "migrations", "internal/history", "internal/leasewait", "internal/operator", "internal/query", "internal/query/worklist", "readers", "writers", "steps"})},
		{folder: "internal/history", may: slices.Concat(sides, []string{"internal/gateway", "internal/query", "steps", "writers"})},
		{folder: "internal/preview", may: slices.Concat(sides, steps, []string{"internal/methods", "internal/announce", "internal/amounts", "internal/noticerows", "internal/changes", "internal/query", "internal/query/worklist", "jobs", "readers", "writers"})},
		{folder: "internal/test", subfolders: true, may: []string{everything}},
		{folder: "internal/demo", may: []string{everything}},
		{folder: "cmd", subfolders: true, may: []string{everything}},
		{folder: "bench", subfolders: true, may: []string{everything}},
	}
}

// unreachable lists what a package must not import through others either.
func unreachable() map[string]string {
	return map[string]string{
		"internal/claims":     "internal/gateway",
		"internal/inserted":   "internal/gateway",
		"internal/refundrows": "internal/gateway",
		"internal/operator":   "internal/gateway",
		"internal/query":      "internal/gateway",
		"internal/runs":       "internal/gateway",
		"internal/store":      "internal/gateway",
		"readers":             "internal/gateway",
		"writers":             "internal/gateway",
	}
}

// broken lists every breach of the rules, sorted.
func broken(imports graph, rules []rule, never map[string]string) []string {
	var out []string
	for folder, imported := range imports {
		law, known := ruleOf(folder, rules)
		if !known {
			out = append(out, fmt.Sprintf("%s is not in the import table", folder))
			continue
		}
		for _, other := range imported {
			if !law.allows(other) {
				out = append(out, fmt.Sprintf("%s must not import %s", folder, other))
			}
		}
	}
	for folder, target := range never {
		for path := range imports {
			if !within(path, folder) {
				continue
			}
			if way := imports.way(path, target); way != nil {
				out = append(out, fmt.Sprintf("%s reaches %s: %s", path, target, strings.Join(way, " → ")))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func ruleOf(folder string, rules []rule) (rule, bool) {
	for _, r := range rules {
		if folder == r.folder || r.subfolders && within(folder, r.folder) {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) allows(other string) bool {
	// Programs are nobody's library.
	if within(other, "cmd") || within(other, "bench") {
		return within(other, r.folder)
	}
	// What only tests use is no part of a program.
	if within(other, "internal/test") {
		return within(r.folder, "internal/test")
	}
	return slices.Contains(r.may, everything) || slices.Contains(r.may, other)
}

// way is the shortest chain of imports from a package to the target or
// anything below it, nil if there is none.
func (imports graph) way(from, target string) []string {
	type trail struct {
		folder string
		path   []string
	}
	seen := map[string]bool{from: true}
	for queue := []trail{{from, []string{from}}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if within(at.folder, target) {
			return at.path
		}
		for _, next := range imports[at.folder] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, trail{next, append(slices.Clone(at.path), next)})
			}
		}
	}
	return nil
}

// within says whether the folder is parent or below it.
func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}
