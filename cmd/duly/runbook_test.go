package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/registry"
)

const runbook = "../../docs/runbook.md"

func documentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// alerts are those that the rules for Prometheus and Loki raise.
func alerts(t *testing.T) []string {
	t.Helper()
	names := []string{
		"DulyNoSuccess", "DulyFailed", "DulyInReview", "DulyCircuitOpen", "DulyInDoubt", "DulyDeadEvents", "DulyFindings", "DulyLeaseLost",
	}
	for _, file := range []string{"prometheus/alerts.yml", "loki/rules.yml"} {
		for _, found := range regexp.MustCompile(`alert: *(\w+)`).FindAllStringSubmatch(documentOf(t, "../../deploy/"+file), -1) {
			names = append(names, found[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The runbook has a section for each alert and each exit code, and none for what there is not.
func TestTheRunbookKnowsEveryAlertAndExitCode(t *testing.T) {
	t.Parallel()
	content := documentOf(t, runbook)
	var codes, named []string
	for _, heading := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(content, -1) {
		if code, ok := strings.CutPrefix(heading[1], "Exit code "); ok {
			codes = append(codes, code)
		} else {
			named = append(named, heading[1])
		}
	}
	var all []string
	for _, code := range []int{
		batch.ExitDone, batch.ExitFailed, batch.ExitUsage, batch.ExitReview, batch.ExitUnfinished, batch.ExitNotRun, 129, 130, 143,
	} {
		all = append(all, strconv.Itoa(code))
	}
	require.Equal(t, all, codes)
	slices.Sort(named)
	require.Equal(t, alerts(t), named)
}

// Links within the runbook lead somewhere.
func TestTheRunbooksLinks(t *testing.T) {
	t.Parallel()
	content := documentOf(t, runbook)
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(content, -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(content, -1) {
		require.Contains(t, anchors, link[1])
	}
}

// commands are what a document says to type: in blocks, and between backquotes.
func commands(content string) []string {
	var found []string
	for _, block := range regexp.MustCompile("(?s)```[a-z]*\n(.*?)```").FindAllStringSubmatch(content, -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
			line, _, _ = strings.Cut(line, " #")
			found = append(found, strings.TrimSpace(line))
		}
	}
	rest := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(content, "")
	for _, span := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(rest, -1) {
		found = append(found, strings.Join(strings.Fields(span[1]), " "))
	}
	return slices.DeleteFunc(found, func(s string) bool { return !strings.HasPrefix(s, "duly ") })
}

// words splits a command line as a shell does, as far as documents need it.
func words(line string) []string {
	var found []string
	for _, word := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1) {
		found = append(found, strings.Trim(word, `"`))
	}
	return found
}

// Every command in the documents for operators is one that there is, with flags that it has.
func TestTheCommandsOfTheDocumentsExist(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		runbook, "../../README.md", "../../deploy/README.md", "../../deploy/kubernetes/README.md", "../../docs/integration.md",
		"../../docs/conformance.md", "../../docs/debugging.md", "../../docs/events.md", "../../docs/gateways.md", "../../docs/own-tables.md",
		"../../docs/schedule.md", "../../docs/states.md",
	} {
		lines := commands(documentOf(t, path))
		require.NotEmpty(t, lines, path)
		for _, line := range lines {
			args := words(strings.ReplaceAll(line, "…", "SOME"))[1:]
			for i, arg := range args {
				args[i], _, _ = strings.Cut(strings.ReplaceAll(arg, `\|`, "|"), "|") // the first of several
			}
			a := newApp(nil, &bytes.Buffer{}, &bytes.Buffer{})
			cmd, rest, err := rootCommand(a).Find(args)
			require.NoError(t, err, "%s: %s", filepath.Base(path), line)
			require.NotEqual(t, "duly", cmd.Name(), "%s: there is no command %q", filepath.Base(path), line)
			if err := cmd.ParseFlags(rest); err != nil { // a table may leave the last flag's value out
				require.NoError(t, cmd.ParseFlags(append(rest, "SOME")), "%s: %s", filepath.Base(path), line)
			}
			typed(t, cmd, line)
		}
	}
}

// typed checks the job or the subject that a command line names.
func typed(t *testing.T, cmd *cobra.Command, line string) {
	t.Helper()
	args := cmd.Flags().Args()
	switch {
	case cmd.HasSubCommands() && len(args) > 0:
		require.Fail(t, "no such subcommand", line)
	case len(args) == 0 || strings.ToUpper(args[0]) == args[0]: // a word that stands for others
	case cmd.Name() == "run":
		require.Contains(t, registry.Names(), args[0], line)
	case slices.Contains([]string{"pause", "resume"}, cmd.Name()):
		require.Contains(t, append(registry.Names(), "gateway"), args[0], line)
	}
}
