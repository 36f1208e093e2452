package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/inspect"
	"duly/internal/payment"
	"duly/internal/test/golden"
)

// What filters select is shown before it is done; then each row is done as it would be by itself, what is refused is named, and the
// others go on. The command that is shown does it, and may be typed again.
func TestMany(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	var text strings.Builder
	types := func(code int, line string) ended {
		got := s.duly(t, words(line)[1:]...)
		require.Equal(t, code, got.code, "%s: %s%s", line, got.out, got.err)
		fmt.Fprintf(&text, "$ %s\n%s%s\n", line, got.out, got.err)
		return got
	}
	shows := func(code int, line string) string {
		before := s.tables(t)
		got := types(code, line)
		require.Equal(t, before, s.tables(t), "%s: without --yes it only shows", line)
		_, next, found := strings.Cut(got.out, "next: ")
		require.True(t, found, got.out)
		require.Contains(t, next, " --yes")
		return strings.TrimSpace(next)
	}
	for _, m := range []struct {
		line string
		code int // one is refused
	}{
		{`duly requeue invoice --gateway main --matching "invoice 3" --reason "rows put right"`, batch.ExitDone},
		{`duly resolve invoice --since 2020-01-01 --as void --reason "the test's end"`, batch.ExitUsage},
		{`duly resolve attempt --run 1 --as ignored --reason "a test's"`, batch.ExitDone},
		{`duly resolve payment --matching differs --as ignored --reason why`, batch.ExitDone},
		{`duly resolve order --since 2020-01-01 --as ignored --reason why`, batch.ExitUsage},
		{`duly requeue order --until 2999-01-01`, batch.ExitDone},
		{`duly resolve finding --kind unknown_there,charged_twice --as ignored --reason "test account"`, batch.ExitDone},
		{`duly requeue event --dead --sink slack --reason "invited"`, batch.ExitDone},
		{`duly requeue event --dead`, batch.ExitDone},
	} {
		next := shows(m.code, m.line)
		types(m.code, next)
		types(m.code, next) // what was refused still is
	}
	golden.Equal(t, "many.golden", strings.ReplaceAll(steady(text.String()), yesterday(t, s), "YYYYMMDD"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'requeue' AND reason = 'invited' AND subject = 'event:902'"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM event_deliveries WHERE event_id = 902 AND sink = 'slack' AND status = 'pending'"))
	doubled := s.number(t, "SELECT COUNT(*) FROM (SELECT subject FROM operator_actions GROUP BY action, subject HAVING COUNT(*) > 1) twice")
	require.LessOrEqual(t, doubled, int64(1), "one action a row; event 902 was two deliveries")
}

// A word about money that no gateway can contradict is not taken of many at once, and no list says that somebody is asked.
func TestNoWordOfManyWhereNobodyIsAsked(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, _ := s.attempt(t, "review", "review", "")
	for name, env := range map[string][]string{
		"no look-ups":         {"DULY_GATEWAYS_MAIN_LOOK_UP=false"},
		"not configured here": {"DULY_GATEWAYS_MAIN_URL=", "DULY_GATEWAYS_MAIN_TOKEN=", "DULY_GATEWAYS_OTHER_URL=http://localhost:1", "DULY_GATEWAYS_OTHER_TOKEN=t"},
	} {
		t.Run(name, func(t *testing.T) {
			there := *s
			there.env = append(slices.Clone(s.env), env...)
			if name == "not configured here" {
				there.env = append(slices.DeleteFunc(slices.Clone(s.env), func(e string) bool { return strings.HasPrefix(e, "DULY_GATEWAYS_MAIN") }), env[2:]...)
			}
			for _, as := range []string{"not_executed", "refunded"} {
				for _, yes := range []string{"", " --yes"} {
					line := "resolve attempt --gateway main --as " + as + " --reason why" + yes
					there.refuses(t, line)
					require.Contains(t, there.duly(t, strings.Fields(line)...).err,
						fmt.Sprintf("gateway main cannot be asked from here, so that your word alone would count: look it up, then type it by its id: duly resolve attempt %d --as %s", id, as))
				}
			}
			way := document[inspect.ListView](t, there.duly(t, "list", "review", "--json")).Rows[0].Next[0]
			require.False(t, way.Asks)
			require.Contains(t, way.When, "gateway main cannot be asked from here, your word is taken")
		})
	}
	require.True(t, document[inspect.ListView](t, s.duly(t, "list", "review", "--json")).Rows[0].Next[0].Asks, "where it can be asked")
	s.refuses(t, fmt.Sprintf("resolve attempt %d --as not_executed --reason …", id))
}

// As a document.
func TestManyJSON(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, _ := s.attempt(t, "released", "review", "")
	doubted, _ := s.attempt(t, "review", "review", payment.Succeeded)
	args := []string{"resolve", "invoice", "--since", "2020-01-01", "--as", "uncollectible", "--reason", "why", "--json"}
	doc := document[decide.BulkView](t, s.duly(t, args...))
	require.True(t, doc.DryRun)
	require.Equal(t, []int{1, 1}, []int{doc.Done, doc.Refused})
	require.Equal(t, []string{"duly resolve invoice --as uncollectible --reason why --since 2020-01-01 --yes"}, doc.Next)
	got := s.duly(t, append(args, "--yes")...)
	require.Equal(t, batch.ExitUsage, got.code)
	doc = document[decide.BulkView](t, got)
	require.False(t, doc.DryRun)
	require.Equal(t, []decide.Resolved{
		{What: "invoice", ID: id, As: "uncollectible", Done: true, Detail: "it is uncollectible, and never charged again"},
		{What: "invoice", ID: doubted, As: "uncollectible", Detail: fmt.Sprintf("attempt %d of invoice %d may have taken money: duly resolve attempt %d --as … --reason … first", doubted, doubted, doubted)},
	}, doc.Rows)
	require.Equal(t, fmt.Sprintf("duly: invoice %d: %s\n", doubted, doc.Rows[1].Detail), got.err)
}

func TestMistakesOfMany(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for line, want := range map[string]string{
		"requeue invoice":                                             "duly: say which invoices, by their ids or by filters: duly requeue invoice 7 8\n",
		"requeue invoice --yes":                                       "duly: --yes: say what to do it to, by a filter such as --matching TEXT or --since DAY\n",
		"requeue invoice 7 --yes":                                     "duly: \"7\": filters and --yes take no id beside them\n",
		"requeue invoice 7 --gateway main":                            "duly: \"7\": filters and --yes take no id beside them\n",
		"requeue invoice --since soon":                                "duly: --since: \"soon\" is neither a day such as 2026-01-31 nor an instant such as 2026-01-31T09:00:00Z\n",
		"resolve invoice --gateway main":                              "duly: --as: \"\" is not one of paid, paid_outside, not_executed, refunded, void, uncollectible, approved, cancelled, ignored\nduly: --reason: say why, for those who ask later\n",
		"resolve attempt --run 1 --as paid":                           "duly: --as paid names one payment: type it attempt by attempt, duly list review shows them\nduly: --reason: say why, for those who ask later\n",
		"resolve attempt --since 2026-01-01 --as void --reason x":     "duly: --as: void is no way to resolve attempts: paid, not_executed, refunded, ignored\n",
		"resolve invoice --since 2026-01-01 --as refunded --reason x": "duly: --as: refunded is no way to resolve invoices: paid_outside, void, uncollectible, approved\n",
		"resolve finding --kind odd --as ignored --reason x":          "duly: --kind: unknown value \"odd\": it is " + cli.Alternatives(inspect.FindingKinds()) + "\n",
	} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Equal(t, want, got.err, line)
	}
	got := s.duly(t, "resolve", "invoice", "--since", "2026-01-01", "--as", "void", "--reason", "x", "--yes")
	require.Equal(t, batch.ExitDone, got.code)
	require.Equal(t, "no invoice that waits is selected\n", got.out)
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain": "plain", "two words": `"two words"`, `say "no"`: `'say "no"'`, "it's $5": `'it'\''s $5'`, "": `""`, "2026-01-31T09:00:00Z": "2026-01-31T09:00:00Z",
	} {
		require.Equal(t, want, inspect.Quoted(text))
	}
}
