package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/payment"
)

// A terminal without UTF-8 is shown ASCII, and every mark keeps its word.
func TestPlainMarks(t *testing.T) {
	t.Parallel()
	line := fmt.Sprintf("%s a · b %s a · b %s a · b %s a · b %s", SignDone, SignLook, SignFailed, SignLive, SignNone) + " …"
	for _, c := range []struct {
		env   []string
		plain bool
	}{
		{nil, false},
		{[]string{"LANG=en_US.UTF-8"}, false},
		{[]string{"LANG=C.utf8", "TERM=xterm"}, false},
		{[]string{"LANG=C"}, true},
		{[]string{"LC_ALL=POSIX", "LANG=en_US.UTF-8"}, true},
		{[]string{"LC_CTYPE=ko_KR.EUC-KR", "LANG=en_US.UTF-8"}, true},
		{[]string{"LC_ALL=", "LANG=en_US.UTF-8"}, false},
		{[]string{"TERM=dumb", "LANG=en_US.UTF-8"}, true},
	} {
		var b strings.Builder
		screen := NewScreen(c.env, &b, &b)
		screen.Line("%s", line)
		if !c.plain {
			require.Equal(t, line+"\n", b.String(), c.env)
			continue
		}
		require.Equal(t, "ok a, b ! a, b x a, b > a, b - ...\n", b.String(), c.env)
	}
}

// Whatever parts an item has, no line of it is wider than the terminal, but for words that are, and no word is lost.
func TestItemsFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-zé]{1,9}( [a-zé]{1,9}){0,20}`), 1, 8).Draw(t, "parts")
		column := rapid.IntRange(0, 14).Draw(t, "column")
		var b strings.Builder
		screen := NewScreen(nil, &b, &b)
		screen.Wide = rapid.SampledFrom([]int{80, 140}).Draw(t, "width")
		want := strings.Fields("label " + strings.Join(parts, " "))
		screen.Item("label", max(column, len("label")+1), parts...)
		for line := range strings.Lines(b.String()) {
			require.LessOrEqual(t, text.StringWidth(strings.TrimSuffix(line, "\n")), screen.Wide, line)
		}
		require.Equal(t, want, strings.Fields(strings.ReplaceAll(b.String(), "·", " ")))
	})
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	seoul, err := time.LoadLocation("Asia/Seoul")
	require.NoError(t, err)
	days := Calendar{seoul, payment.NewDate(2026, time.November, 28)}
	at := time.Date(2026, time.November, 27, 16, 5, 0, 0, time.UTC)
	require.Equal(t, "01:05", days.At(at), "it is the 28th in Seoul")
	require.Equal(t, "27 Nov 23:59", days.At(time.Date(2026, time.November, 27, 14, 59, 0, 0, time.UTC)))
	require.Equal(t, "28 Nov", days.On(at))
	require.Equal(t, "2 Jan 2027", days.Day(payment.NewDate(2027, time.January, 2)))
	require.Equal(t, []string{"28 Nov 2026 01:05", "times in Asia/Seoul"}, days.Header(at))
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		require.Equal(t, want, Number(n))
	}
	require.Equal(t, "1 charge", Things(1, "charge"))
	require.Equal(t, "1,234 charges", Things(1234, "charge"))
	require.Equal(t, "149,400 KRW + 64.95 USD", MoneySums(map[string]int64{"USD": 6495, "KRW": 149400}))
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 32 * time.Second: "32s", 3*time.Minute + 9*time.Second: "3m", 5 * time.Hour: "5h", 50 * time.Hour: "2d",
	} {
		require.Equal(t, want, Lasting(d))
	}
	for d, want := range map[time.Duration]string{25 * time.Second: "25s", 80 * time.Second: "1m20s", 12 * time.Minute: "12m"} {
		require.Equal(t, want, Rounded(d))
	}
}
