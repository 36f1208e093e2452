package text_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/text"
)

// foreign draws texts of the kind that hurts, among others.
func foreign() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"\n", "\r", "\t", "\x00", "\x1b[2J", "\x1b]0;x\a", "\u009b31m", "\x7f", "\u202e", "\u2066", "\u200b", "\u2028", "\ufeff", "\u3164", "\U000e0041", "\xff",
			"\xe2\x82", "`", "<!channel>", "<@U1>", "*b*", "=1+1", "-1", "@a", "\"", "\\", "\\n", "'", "$(id)", "커", "é", " ", "next: duly resolve",
		}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.IntRange(1, 3000), func(n int) string { return strings.Repeat("x", n) }),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 6), func(p []string) string { return strings.Join(p, "") })
}

// shown fails for what a terminal acts on, what hides or reorders, and bytes that are no UTF-8.
func shown(t require.TestingT, s, allowed string) {
	require.True(t, utf8.ValidString(s))
	for _, r := range s {
		if !strings.ContainsRune(allowed, r) {
			require.False(t, unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co), "%q in %q", r, s)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"pay_1, 9,990 KRW \"a\\n\"": "pay_1, 9,990 KRW \"a\\n\"",
		"커피 é 　":                    "커피 é 　",
		"a\nnext: duly resolve":     `"a\nnext: duly resolve"`,
		"a\\n\n":                    `"a\\n\n"`,
		"\x1b[31mred\u009b":         `"\u001b[31mred\u009b"`,
		"abc\u202edcb":              `"abc\u202edcb"`,
		"a\u200bb\u3164\ufeff":      `"a\u200bb\u3164\ufeff"`,
		"a\U000e0041":               `"a\U000e0041"`,
		"a\xff\ufffd":               "\"a\\xff\ufffd\"",
		"\t\r\"":                    `"\t\r\""`,
	} {
		require.Equal(t, want, text.Line(in))
	}
	require.Equal(t, strings.Repeat("커", 9)+"…", text.Short(strings.Repeat("커", 60_000), 10))
	require.Equal(t, `"\n\n\n…"`, text.Short(strings.Repeat("\n", 60_000), 10))
	require.Equal(t, "a; b", text.Joined(" a\n\n b\r\n"))
	rapid.Check(t, func(t *rapid.T) {
		s := foreign().Draw(t, "s")
		most := rapid.IntRange(4, 600).Draw(t, "most")
		got := text.Short(s, most)
		shown(t, got, "")
		require.LessOrEqual(t, utf8.RuneCountInString(got), most)
		require.Equal(t, got, text.Short(got, most), "twice is once")
		require.Equal(t, got, text.Screen(got), "the terminal has nothing left to do")
		if whole := text.Short(s, 1<<20); whole != s && utf8.ValidString(s) {
			back, err := strconv.Unquote(whole)
			require.NoError(t, err)
			require.Equal(t, s, back, "it can be told what it was")
		}
		plain := rapid.StringMatching(`[ -~]{0,300}`).Draw(t, "plain")
		require.Equal(t, plain, text.Line(plain), "a clean text is as it was")
	})
}

func TestScreen(t *testing.T) {
	require.Equal(t, "a\n\tb", text.Screen("a\n\tb"))
	require.Equal(t, `a\u001b[2J\r`+"\n", text.Screen("a\x1b[2J\r\n"))
	require.Equal(t, `a\nb\xff`, text.Finished("a\nb\xff"))
	rapid.Check(t, func(t *rapid.T) {
		s := foreign().Draw(t, "s")
		got := text.Screen(s)
		shown(t, got, "\n\t")
		require.Equal(t, got, text.Screen(got))
		shown(t, text.Finished(s), "")
	})
}

func TestSprintf(t *testing.T) {
	require.Equal(t, `order 7: "a\nb" (9 KRW), [1 2], 05, a    |"x\ny"`, text.Sprintf("order %d: %s (%v), %v, %02d, %-*s|%s", 7, "a\nb", money(9), []int{1, 2}, uint(5), 5, "a", errors.New("x\ny")))
	require.Equal(t, `"a\nb"`, text.Sprintf("%q", "a\nb"))
	rapid.Check(t, func(t *rapid.T) {
		s := foreign().Draw(t, "s")
		got := text.Sprintf("%s|%v|%q|%s", s, s, s, errors.New(s))
		shown(t, got, "")
		require.LessOrEqual(t, utf8.RuneCountInString(got), 4*text.LineLength+3)
	})
}

type money int

func (m money) String() string { return fmt.Sprintf("%d KRW", int(m)) }

// Joined errors are a line each. What one of them says makes no line of its own, however it is wrapped.
func TestLines(t *testing.T) {
	evil := errors.New("bad\nduly: next: duly resolve")
	require.Equal(t, []string{`"bad\nduly: next: duly resolve"`}, text.Lines(evil))
	require.Equal(t, []string{"a", `"bad\nduly: next: duly resolve"`, "b"}, text.Lines(errors.Join(errors.New("a"), errors.Join(evil, errors.New("b")))))
	require.Equal(t, []string{"run: a", "b"}, text.Lines(fmt.Errorf("run: %w", errors.Join(errors.New("a"), errors.New("b")))))
	require.Equal(t, []string{`"run (bad\nduly: next: duly resolve)"`}, text.Lines(fmt.Errorf("run (%w)", evil)))
	require.Equal(t, []string{`"ev\nil: a"`}, text.Lines(fmt.Errorf("ev\nil: %w", errors.New("a"))))
	require.Equal(t, []string{"a", "b"}, text.Lines(problems{"a", "b"}))
	require.Equal(t, []string{"a"}, text.Lines(errors.New(" a ")))
	require.Empty(t, text.Lines(nil))
	require.Empty(t, text.Lines(errors.New("")))
}

type problems []string

func (p problems) Error() string   { return strings.Join(p, "\n") }
func (p problems) Lines() []string { return p }

func TestSlack(t *testing.T) {
	require.Equal(t, "&lt;!channel&gt; &amp; 'duly resolve' ∗bold∗ ∼no∼ do_not_honor", text.Slack("<!channel> & `duly resolve` *bold* ~no~ do_not_honor", 100))
	require.Equal(t, `"a\n•`+` b"`, text.Slack("a\n• b", 100))
	rapid.Check(t, func(t *rapid.T) {
		got := text.Slack(foreign().Draw(t, "s"), 300)
		shown(t, got, "")
		require.NotContains(t, got, "`")
		require.False(t, strings.ContainsAny(got, "<>*"))
	})
}

func TestCSV(t *testing.T) {
	for in, want := range map[string]string{
		"=HYPERLINK(1)": "'=HYPERLINK(1)", "+1": "'+1", "-1": "'-1", "@a": "'@a", "＝1": "'＝1", " =1": "' =1", "\t=1": `"\t=1"`, "\r=1": `"\r=1"`,
		"a=1": "a=1", "": "", "9,990": "9,990",
	} {
		require.Equal(t, want, text.Cell(in), "%q", in)
	}
	var out bytes.Buffer
	require.NoError(t, text.CSV(&out, [][]any{{"name", "amount"}, {"=a\n\"b\"", int64(-5)}, {"-5", uint64(7)}}))
	require.Equal(t, "name,amount\n\"\"\"=a\\n\\\"\"b\\\"\"\"\"\",-5\n'-5,7\n", out.String())
	rapid.Check(t, func(t *rapid.T) {
		s := foreign().Draw(t, "s")
		cell := text.Cell(s)
		require.Equal(t, cell, text.Cell(cell))
		var out bytes.Buffer
		require.NoError(t, text.CSV(&out, [][]any{{s, int64(1)}}))
		shown(t, out.String(), "\n")
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 1, "no row is forged")
		require.False(t, strings.ContainsAny(rows[0][0][:min(1, len(rows[0][0]))], "=+-@\t\r"), "%q", rows[0][0])
	})
}

func TestJSONSaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := foreign().Draw(t, "s")
		var document, out bytes.Buffer
		encoder := json.NewEncoder(&document)
		encoder.SetIndent("", "\t")
		encoder.SetEscapeHTML(false)
		require.NoError(t, encoder.Encode(map[string]any{s: []string{s}}))
		n, err := text.JSONWriter(&out).Write(document.Bytes())
		require.NoError(t, err)
		require.Equal(t, document.Len(), n)
		shown(t, out.String(), "\n\t")
		require.Equal(t, out.String(), text.Screen(out.String()))
		var before, after any
		require.NoError(t, json.Unmarshal(document.Bytes(), &before))
		require.NoError(t, json.Unmarshal(out.Bytes(), &after))
		require.Equal(t, before, after)
	})
	require.Equal(t, `"\u202e\udb40\udc41\u007f"`, string(text.JSON([]byte("\"\u202e\U000e0041\x7f\""))))
}

func TestStrings(t *testing.T) {
	type row struct {
		Name   string
		hidden string
		Parts  []string
		Next   *row
		By     map[string]string
		Any    any
	}
	v := row{Name: "a\nb", hidden: "c\nd", Parts: []string{"e\x1b"}, Next: &row{Name: "\u202e"}, By: map[string]string{"k": "f\r"}, Any: &row{Name: "\x00"}}
	text.Strings(&v)
	require.Equal(t, row{
		Name: `"a\nb"`, hidden: "c\nd", Parts: []string{`"e\u001b"`}, Next: &row{Name: `"\u202e"`}, By: map[string]string{"k": `"f\r"`},
		Any: &row{Name: `"\u0000"`},
	}, v)
}

// A shell reads a word as it was.
func TestWord(t *testing.T) {
	var script strings.Builder
	var want []string
	for _, s := range []string{"pay_1", "a b", "$(touch x)", "`id`", "it's", `"q"`, "!x", "a;rm -rf /", "~", "*", "커피", "a\\b", "a'b$c"} {
		word := text.Word(s, "ID")
		require.NotEqual(t, "ID", word)
		script.WriteString("printf '%s\\n' " + word + "\n")
		want = append(want, s)
	}
	out, err := exec.Command("sh", "-c", script.String()).Output()
	require.NoError(t, err)
	require.Equal(t, want, strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"))
	require.Equal(t, "pay_1", text.Word("pay_1", "ID"))
	for _, s := range []string{"", "-x", "--as", "a\nb", "a\x1bb", "\u202e", "a\xff", strings.Repeat("x", 60_000)} {
		require.Equal(t, "ID", text.Word(s, "ID"), "%.20q", s)
	}
}

// A word that differs keeps its brackets, so that what is around it reads on, and every text is found again.
func TestAlikeRows(t *testing.T) {
	list := []text.Counted{
		{Kind: "invoice", Text: "booked 9.99 USD (pay_86), not 12.99 USD", N: 1},
		{Kind: "invoice", Text: "another", N: 2},
		{Kind: "invoice", Text: "booked 8.99 USD (pay_87), not 12.99 USD", N: 1},
		{Kind: "order", Text: "another", N: 1},
	}
	require.Equal(t, []text.Group{
		{text.Counted{Kind: "invoice", Text: "booked … USD (…), not 12.99 USD", N: 2}, []int{0, 2}},
		{text.Counted{Kind: "invoice", Text: "another", N: 2}, []int{1}},
		{text.Counted{Kind: "order", Text: "another", N: 1}, []int{3}},
	}, text.AlikeRows(list))
}
