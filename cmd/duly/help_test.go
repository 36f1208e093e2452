package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/golden"
)

// everyCommand calls do for every command that people can see, with the words that it is typed with.
func everyCommand(do func(cmd *cobra.Command, words []string)) {
	root := rootCommand(newApp(nil, io.Discard, io.Discard))
	root.InitDefaultHelpCmd()
	each(root, func(cmd *cobra.Command) {
		if cmd.Name() == "help" || !cmd.HasParent() || cmd.IsAvailableCommand() {
			do(cmd, strings.Fields(cmd.CommandPath())[1:])
		}
	})
}

// The page about the commands holds the help of every one of them, and so every flag.
func TestCommandsPage(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("# Commands\n\nWhat `duly help COMMAND` prints. Durations are such as `90s`, `5m`, `2h` or `7d`; amounts of money are whole numbers of the\n" +
		"currency's minor unit. [json.md](json.md) has the documents of `--json`, [configuration.md](configuration.md) the keys.\n")
	all := 0
	everyCommand(func(_ *cobra.Command, words []string) {
		all++
		got := duly(t, same, nil, append(words, "--help")...)
		require.Equal(t, batch.ExitDone, got.code, words)
		require.Empty(t, got.err, words)
		require.Equal(t, got, duly(t, same, nil, append([]string{"help"}, words...)...), words)
		text, _, _ := strings.Cut(got.out, "\nFlags of every command:")
		fmt.Fprintf(&page, "\n## %s\n\n```text\n%s\n```\n", strings.Join(append([]string{"duly"}, words...), " "), strings.TrimSpace(text))
	})
	require.Greater(t, all, 20)
	golden.Equal(t, "../../../docs/commands.md", page.String())
}

// Help has an example, fits 80 columns, and every flag that takes a value says what is taken without it.
func TestHelp(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile(`(?m)^  (source <\()?duly\b`)
	everyCommand(func(cmd *cobra.Command, words []string) {
		text := duly(t, same, nil, append(words, "--help")...).out
		require.Regexp(t, example, cmd.Example, "%s needs an example", words)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), helpWidth, "%s: %s", words, line)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			require.Contains(t, text, "--"+f.Name)
			require.NotEmpty(t, f.Usage, f.Name)
			if f.Value.Type() == "bool" || f.Hidden {
				return
			}
			says := f.Usage
			require.Regexp(t, `^[A-Z]`, f.Value.Type(), "%s --%s: name its value in back-quotes", words, f.Name)
			given := f.DefValue != "" && f.DefValue != "0" && f.DefValue != "[]"
			require.True(t, given || strings.Contains(says, "default") || strings.Contains(says, "needed"), "%s --%s: say what holds without it", words, f.Name)
		})
	})
}

func TestHelpForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	got := duly(t, same, nil, "help", "fly")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Equal(t, "duly: unknown command \"fly\"; try duly help\n", got.err)
	require.Equal(t, batch.ExitUsage, duly(t, same, nil, "help", "run", "fly", "high").code)
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"one two", "one two"},
		{"one two three four", "one two\nthree four"},
		{"one\ntwo", "one two"},
		{"one\n\ntwo", "one\n\ntwo"},
		{"a list:\n  of something long\nand more", "a list:\n  of something long\nand more"},
		{"incomprehensibilities", "incomprehensibilities"},
		{"öööööööööö b", "öööööööööö\nb"},
	} {
		require.Equal(t, c.want, fold(c.text, 10), c.text)
	}
}

// Completion offers jobs, the steps of the job that was typed, gateways, runs, and what waits for an operator.
func TestCompletion(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "wrong_amount", 500)
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "prune").code)
	s.live(t, 7)
	s.exec(t, "INSERT INTO audit_findings (kind, detail) VALUES ('missing', '{}')")
	s.env = append(s.env, "DULY_GATEWAYS_SECOND_URL=http://127.0.0.1:1", "DULY_GATEWAYS_SECOND_TOKEN="+secretToken, "DULY_BILLING_RETRY_DAYS=1,2")
	var text strings.Builder
	for _, words := range []string{
		"ru", "run ", "run billing --step ", "run billing --step collect,", "run reconcile --step ", "run --step ", "run billing billi", "run billing --rerun ",
		"run --rerun ", "run billing --da", "run billing --date ", "pause ", "pause gateway ", "resume gateway ", "stop ", "stop 7 ", "throttle ", "show ", "show run ",
		"show subscription ", "show invoice ", "resolve ", "resolve attempt ", "resolve attempt 1 --as ", "resolve finding ", "requeue invoice ", "requeue invoice 1 ",
		"reopen --run ", "reopen --gateway ", "reopen --class ", "migrate ", "completion ", "help m", "help migrate ", "runs ", "--config ",
	} {
		typed := strings.Split(words, " ")
		got := s.duly(t, append([]string{"__complete"}, typed...)...)
		require.Equal(t, batch.ExitDone, got.code, words)
		fmt.Fprintf(&text, "$ duly %s\n%s", words, got.out)
	}
	golden.Equal(t, "complete.golden", dates.ReplaceAllString(text.String(), "DATE"))

	// Nothing, and no error, where there is no database to ask.
	for _, env := range [][]string{nil, {"DULY_DATABASE_DSN=duly:" + secretToken + "@tcp(127.0.0.1:1)/shop"}, {"DULY_DATABASE_DSN=private"}, {"DULY_BILLING_CHUNK_SIZE=x"}} {
		got := duly(t, same, env, "__complete", "show", "run", "")
		require.Equal(t, batch.ExitDone, got.code)
		require.Equal(t, ":4\n", got.out)
	}
	for _, shell := range shells() {
		got := duly(t, same, nil, "completion", shell)
		require.Equal(t, batch.ExitDone, got.code)
		require.Contains(t, got.out, "__complete")
	}
	require.Equal(t, "duly: say for which shell: bash, fish, powershell, zsh\n", duly(t, same, nil, "completion", "tcsh").err)
}
