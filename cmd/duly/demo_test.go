package main

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/cli"
	"duly/internal/demo"
	"duly/internal/gateway/simulator"
	"duly/internal/test/browsertest"
)

// count reads a number that stands before a word, with its thousands; 0 if there is none.
func count(t *testing.T, text, before string) int {
	t.Helper()
	found := regexp.MustCompile(`([\d,]+)` + before).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	return number(t, found[1])
}

// The demo kills a real worker, tells four nights on one screen, ends with a count that adds up, and reads nothing of the configuration
// around it.
func TestDemoAddsUp(t *testing.T) {
	t.Parallel()
	subscriptions, orders := 120, 60
	picture := os.Getenv(pictureFile)
	if picture != "" {
		subscriptions, orders = 2000, 500
	}
	var out, errs bytes.Buffer
	a := newApp([]string{"DULY_DATABASE_DSN=nobody@tcp(127.0.0.1:1)/nothing", "DULY_UNKNOWN=1", asProgram + "=1"}, &out, &errs)
	code := execute(t.Context(), a, []string{"demo", "--subscriptions", strconv.Itoa(subscriptions), "--orders", strconv.Itoa(orders)})
	require.Zero(t, code, "%s%s", &out, &errs)
	require.Empty(t, errs.String())

	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.LessOrEqual(t, len(lines), 36, "one screen:\n%s", &out)
	for _, line := range lines[:len(lines)-3] { // the last ones name files
		require.LessOrEqual(t, len([]rune(line)), 80, line)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	require.Regexp(t, fmt.Sprintf(`^%s subscriptions due, %s unsettled orders, a gateway that loses answers Day 0 \d+ \w+ · due date ✓ orders \d+ completed · \d+ failed`,
		cli.Number(int64(subscriptions)), cli.Number(int64(orders*3/4))), text)
	for _, day := range []string{"Day 1", "Day 3", "Day 5"} {
		require.Contains(t, text, day)
	}
	require.Regexp(t, fmt.Sprintf(`✓ %d late payments for failed orders refunded · [\d,]+ KRW`, orders/20), text)

	killed := regexp.MustCompile(`✗ kill -9 worker \d+ dies at [\d,]+ of [\d,]+( with [\d,]+ claimed)?(; \d+ of those are charged at the gateway and not yet recorded)?`).FindString(text)
	require.NotEmpty(t, killed, text)
	require.Contains(t, text, "✓ restart new worker")
	claimed := count(t, killed, " claimed")
	require.Positive(t, count(t, killed, " of "+cli.Number(int64(subscriptions)))+claimed, killed)
	if claimed > 0 {
		recovered := regexp.MustCompile(`✓ recover .*? ✓`).FindString(text)
		require.Equal(t, claimed, count(t, recovered, ": "), recovered)
		require.Equal(t, count(t, killed, " of those are charged"), count(t, recovered, " found paid, not charged again"), "%s\n%s", killed, recovered)
		require.Equal(t, claimed, count(t, recovered, " found paid")+count(t, recovered, " found declined")+count(t, recovered, " found pending")+count(t, recovered, " sent, same keys"), recovered)
	}

	require.Regexp(t, `(?m)^SUBSCRIPTIONS +`+cli.Number(int64(subscriptions))+`  +[\d,]+ KRW  +[\d,.]+ USD$`, out.String())
	require.Regexp(t, `(?m)^ORDERS +`+cli.Number(int64(orders))+`  +[\d,]+ KRW$`, out.String())
	total := 0
	for _, row := range regexp.MustCompile(`(?m)^(?:paid|unpaid|completed)\D*?(?: 1 to 3)? +([\d,]+)(?:  |$)`).FindAllStringSubmatch(out.String(), -1) {
		total += number(t, row[1])
	}
	require.Equal(t, subscriptions+orders, total, &out)

	balanced := regexp.MustCompile(`✓ Balanced: ([\d,]+) \+ ([\d,]+) paid = ([\d,]+) payments at the gateway\. 0 lost, 0 charged twice, 1 worker killed\. \d+\S*s\. Page: (\S+\.html)`).FindStringSubmatch(text)
	require.NotNil(t, balanced, text)
	require.Equal(t, number(t, balanced[3]), number(t, balanced[1])+number(t, balanced[2]))
	require.Contains(t, text, "demo --keep")
	page, err := os.ReadFile(balanced[4])
	require.NoError(t, err)
	require.NoError(t, os.Remove(balanced[4]))
	require.Contains(t, string(page), "<h1>Night of ")
	reasons := 0
	for _, reason := range regexp.MustCompile(`<title id="decline-\d+">[^<]*: ([\d,]+), `).FindAllStringSubmatch(string(page), -1) {
		reasons += number(t, reason[1])
	}
	require.Equal(t, count(t, string(page), ` declined \(`), reasons, "also of the charges that the dead worker had claimed")
	if picture != "" {
		paint(t, string(page), picture)
	}
}

// A demo adds up at every provider that duly speaks to.
func TestDemoAtEveryProvider(t *testing.T) {
	t.Parallel()
	for _, provider := range demo.Gateways()[1:] {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			a := newApp([]string{asProgram + "=1"}, &out, &errs)
			code := execute(t.Context(), a, []string{"demo", "--gateway", provider, "--subscriptions", "80", "--orders", "40"})
			require.Zero(t, code, "%s%s", &out, &errs)
			text := strings.Join(strings.Fields(out.String()), " ")
			page := regexp.MustCompile(`payments at the gateway\. 0 lost, 0 charged twice, 1 worker killed\. \S+ Page: (\S+\.html)`).FindStringSubmatch(text)
			require.NotNil(t, page, text)
			require.NoError(t, os.Remove(page[1]))
			require.Regexp(t, `, a simulated \w+.* that loses answers`, text)
			require.Equal(t, provider != "stripe", strings.Contains(text, "2 late payments for failed orders refunded"), "they are found by their keys")
		})
	}
	var out, errs bytes.Buffer
	require.Equal(t, 2, execute(t.Context(), newApp(nil, &out, &errs), []string{"demo", "--gateway", "esperanto"}))
	require.Contains(t, errs.String(), `--gateway: "esperanto" is none of httpapi, portone, stripe, toss`)
}

// pictureFile in the environment names the file that the demo's page is painted to, for README.
const pictureFile = "DULY_TEST_PICTURE"

// paint writes a page as a PNG, from its head to why charges were declined.
func paint(t *testing.T, page, file string) {
	t.Helper()
	const width = 900
	tab := browsertest.Start(t).Show(t, page)
	tab.View(t, browsertest.View{Width: width})
	whole, err := png.Decode(bytes.NewReader(tab.Screenshot(t)))
	require.NoError(t, err)
	height := browsertest.Evaluate[int](t, tab, `Math.ceil(document.querySelector("#declines").closest("section").getBoundingClientRect().bottom) + 12`)
	first := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(first, first.Bounds(), whole, image.Point{}, draw.Src)
	var out bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, first))
	require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
}

// number reads a number with its thousands.
func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	require.NoError(t, err)
	return n
}

// A demo that is kept is a shop to look into: each command that it prints works, whatever configuration is around, until Ctrl-C ends it.
func TestADemoThatIsKeptCanBeLookedInto(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	script := "#!/bin/sh\nexec env " + asProgram + "=1 '" + os.Args[0] + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "duly"), []byte(script), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "duly.yaml"), []byte("no: such key\n"), 0o600))

	shop := exec.CommandContext(t.Context(), os.Args[0], "demo", "--keep", "--verbose", "--subscriptions", "60", "--orders", "20")
	shop.Env = append(os.Environ(), asProgram+"=1", "DULY_UNKNOWN=1")
	out, err := shop.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, shop.Start())
	var said strings.Builder
	var commands []string
	for lines := bufio.NewScanner(out); len(commands) < 4 && lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(said.String(), "until Ctrl-C") && strings.HasPrefix(lines.Text(), "  ") {
			commands = append(commands, strings.TrimSpace(lines.Text()))
		}
	}
	require.Len(t, commands, 4, said.String())
	require.Regexp(t, `(?m)^nightly · `, said.String(), "what a night prints")
	require.Regexp(t, `night: .* · exit 0`, said.String())
	require.Regexp(t, `(?m)^paid, the answer was lost: completed +\d`, said.String(), "every ending")

	type answer struct{ command, says string }
	for i, want := range []answer{
		{`^duly show subscription \d+$`, `Charged once for \d+ \w+: .* 1 took money\.`},
		{`^duly run billing --dry-run --date \d{4}-\d\d-\d\d$`, `Will charge +\d+ · `},
		{`^duly doctor$`, `✓ ready: \d+ checks`},
	} {
		require.Regexp(t, want.command, commands[1+i])
		typed := exec.CommandContext(t.Context(), "sh", "-c", commands[0]+" && "+commands[1+i])
		typed.Dir = elsewhere
		typed.Env = []string{"PATH=" + elsewhere + ":" + os.Getenv("PATH"), "DULY_DATABASE_OPERATOR_DSN=nobody@tcp(127.0.0.1:1)/nothing"}
		printed, err := typed.CombinedOutput()
		require.NoError(t, err, "%s\n%s", commands[1+i], printed)
		require.Regexp(t, want.says, string(printed))
	}

	require.NoError(t, shop.Process.Signal(syscall.SIGINT))
	require.NoError(t, shop.Wait(), "Ctrl-C is how it ends")
	require.NoDirExists(t, filepath.Dir(strings.TrimPrefix(commands[0], ". ")))
	page := regexp.MustCompile(`Page:\s+(\S+\.html)`).FindStringSubmatch(said.String())
	require.NotNil(t, page)
	require.NoError(t, os.Remove(page[1]))
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
	require.NoError(t, demo.EachNight(sim, simulator.Default, func(day int) error {
		days = append(days, day)
		require.Equal(t, start.AddDate(0, 0, day), sim.Now())
		return nil
	}))
	require.Equal(t, []int{0, 1, 3, 5}, days)
}
