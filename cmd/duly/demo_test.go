package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/demo"
	"duly/internal/gateway/simulator"
)

// The demo ends with a count that adds up, and reads nothing of the configuration around it.
func TestDemoAddsUp(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	a := newApp([]string{"DULY_DATABASE_DSN=nobody@tcp(127.0.0.1:1)/nothing", "DULY_UNKNOWN=1"}, &out, &errs)
	code := execute(t.Context(), a, []string{"demo", "--subscriptions", "120", "--orders", "60"})
	require.Zero(t, code, "%s%s", &out, &errs)

	text := out.String()
	require.Empty(t, errs.String())
	nights := regexp.MustCompile(`night: .* · exit (\d)`).FindAllStringSubmatch(text, -1)
	require.GreaterOrEqual(t, len(nights), 4)
	require.Equal(t, "0", nights[len(nights)-1][1], "the last night leaves nothing")
	require.Contains(t, text, "0 differ, 0 double charges")
	require.Contains(t, text, "Result")
	_, ends, _ := bytes.Cut(out.Bytes(), []byte("Result"))
	total := 0
	for _, m := range regexp.MustCompile(`│ [a-z][^│]*│ +(\d+) │`).FindAllSubmatch(ends, -1) {
		n, err := strconv.Atoi(string(m[1]))
		require.NoError(t, err)
		total += n
	}
	require.Equal(t, 180, total)
	require.NotContains(t, string(ends), "unfinished")
	require.Contains(t, string(ends), "paid after it was given up: refunded")
	require.Contains(t, string(ends), "out of stock: refunded")
	require.Contains(t, string(ends), "The audits found 0 differences.")
	require.NotContains(t, string(ends), "never invoiced")

	report := regexp.MustCompile(`The report of the first night:\s+(\S+)`).FindSubmatch(ends)
	require.NotNil(t, report)
	page, err := os.ReadFile(string(report[1]))
	require.NoError(t, err)
	require.NoError(t, os.Remove(string(report[1])))
	require.Contains(t, string(page), "<h1>Night of ")
}

// A gateway whose clock falls behind the shop's lists the payments of a night under another day, which the next night cannot
// compare.
func TestTheDemosClocksStayTogether(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.January, 31, 0, 0, 0, 0, time.UTC)
	config := simulator.Demo()
	config.Now = func() time.Time { return start }
	sim := simulator.New(config)
	t.Cleanup(sim.Close)
	var days []int
	require.NoError(t, demo.EachNight(sim, func(day int) error {
		days = append(days, day)
		require.Equal(t, start.AddDate(0, 0, day), sim.Now())
		return nil
	}))
	require.Equal(t, []int{0, 1, 3, 5}, days)
}
