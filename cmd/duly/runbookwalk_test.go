package main

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// walk is a chapter of the runbook whose commands are typed, in the order in which the text has them.
type walk struct {
	*testing.T

	left []runbookStep
	last string
}

// runbookStep is a command of a chapter and the exit code that its comment tells of.
type runbookStep struct {
	command string
	code    int
}

// chapters are the chapters of the runbook that have commands, by their titles; what stands before the first is "Runbook".
func chapters(t *testing.T) map[string][]runbookStep {
	t.Helper()
	found := map[string][]runbookStep{}
	content := documentOf(t, runbook)
	headings := regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatchIndex(withoutBlocks(content), -1)
	for i, h := range headings {
		end := len(content)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		if steps := stepsOf(content[h[1]:end]); len(steps) > 0 {
			found[content[h[2]:h[3]]] = steps
		}
	}
	return found
}

// withoutBlocks blanks out what is to be typed, in which # begins a comment.
func withoutBlocks(content string) string {
	return regexp.MustCompile("(?s)```.*?```").ReplaceAllStringFunc(content, func(block string) string { return strings.Repeat(" ", len(block)) })
}

// stepsOf lists what a text says to type, in blocks and between backquotes.
func stepsOf(content string) []runbookStep {
	var found []runbookStep
	add := func(line string) {
		command, comment, _ := strings.Cut(strings.Join(strings.Fields(line), " "), " #")
		if !strings.HasPrefix(command, "duly ") {
			return
		}
		s := runbookStep{command, batch.ExitDone}
		if code := regexp.MustCompile(`^ exit code (\d)`).FindStringSubmatch(comment); code != nil {
			s.code = int(code[1][0] - '0')
		}
		found = append(found, s)
	}
	for _, m := range regexp.MustCompile("(?s)```[a-z]*\n(.*?)```|`([^`]*)`").FindAllStringSubmatch(content, -1) {
		if m[2] != "" {
			add(m[2])
			continue
		}
		for line := range strings.Lines(m[1]) {
			add(line)
		}
	}
	return found
}

// next takes the next command of the chapter, which has these words in it.
func (w *walk) next(about string) runbookStep {
	w.Helper()
	require.NotEmpty(w, w.left, "the chapter has no further command: %s", about)
	step := w.left[0]
	require.Contains(w, step.command, about)
	w.left, w.last = w.left[1:], step.command
	return step
}

// types types the next command in a shop, and requires the exit code that the text tells of. In it each first of two words
// is replaced by the second: the ids of the text by those of the test.
func (w *walk) types(s *shop, about string, replaced ...string) ended {
	w.Helper()
	step := w.next(about)
	return w.typed(s, step.code, replaced)
}

// fails is types of a command that ends with another code.
func (w *walk) fails(s *shop, code int, about string, replaced ...string) ended {
	w.Helper()
	w.next(about)
	return w.typed(s, code, replaced)
}

// again types the last command once more.
func (w *walk) again(s *shop, replaced ...string) ended {
	w.Helper()
	return w.typed(s, batch.ExitDone, replaced)
}

// mentions passes over a command that the text does not say to type.
func (w *walk) mentions(about string) {
	w.Helper()
	w.next(about)
}

func (w *walk) typed(s *shop, code int, replaced []string) ended {
	w.Helper()
	line := strings.NewReplacer(replaced...).Replace(w.last)
	got := s.duly(w.T, words(strings.ReplaceAll(line, "…", "the reason"))[1:]...)
	require.Equal(w, code, got.code, "%s: %s%s", line, got.out, got.err)
	return got
}

// block types all commands of a block, of which there are that many.
func (w *walk) block(s *shop, n int) {
	w.Helper()
	for range n {
		w.types(s, "")
	}
}

// Each chapter is walked: what it says to type is read from it and typed, in order and to its end.
func TestTheRunbookIsWalked(t *testing.T) {
	t.Parallel()
	walks := map[string]func(*walk){}
	for _, some := range []map[string]func(*walk){walksOfExitCodes(), walksOfAlerts(), walksOfChores(), walksOfLosses()} {
		maps.Copy(walks, some)
	}
	all := chapters(t)
	for title := range walks {
		require.Contains(t, all, title, "there is no such chapter with commands")
	}
	for title, steps := range all {
		t.Run(title, func(t *testing.T) {
			require.Contains(t, walks, title, "nobody walks the chapter")
			w := &walk{T: t, left: steps}
			walks[title](w)
			require.Empty(t, w.left, "what the chapter says to type is typed")
		})
	}
}
