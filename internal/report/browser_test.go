package report_test

import (
	_ "embed"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/report"
	"duly/internal/test/browsertest"
)

// shots is a folder for screenshots, for people to look at.
var shots = flag.String("shots", "", "write screenshots of every page into this folder")

// look lists what is wrong with a page; testdata/look.js says what that is.
//
//go:embed testdata/look.js
var look string

// Every page, on a phone and on a desk, by day and by night: nothing is asked for, nothing is complained of, every
// chart is drawn, nothing is cut off, and everything can be read, seen or heard.
func TestInABrowser(t *testing.T) {
	browser := browsertest.Start(t)
	all := pages()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		tab := browser.Show(t, html(t, all[name]))
		for _, view := range []browsertest.View{{Width: 390}, {Width: 390, Dark: true}, {Width: 1280}, {Width: 1280, Dark: true}, {Width: 320}, {Width: 794, Print: true}} {
			t.Run(fmt.Sprintf("%s %+v", name, view), func(t *testing.T) {
				tab.View(t, view)
				if *shots != "" {
					for _, open := range []bool{false, true} {
						browsertest.Evaluate[bool](t, tab, fmt.Sprintf("document.querySelectorAll('details').forEach(d => { d.open = %t }) === undefined", open))
						file := fmt.Sprintf("%s-%d-%t-%t-%t.png", strings.ReplaceAll(name, " ", "-"), view.Width, view.Dark, view.Print, open)
						require.NoError(t, os.WriteFile(filepath.Join(*shots, file), tab.Screenshot(t), 0o600))
					}
				}
				require.Empty(t, browsertest.Evaluate[[]string](t, tab, look))
				require.Len(t, tab.Requests(), 1, "only the page itself")
				require.Empty(t, tab.Messages())
			})
		}
	}
}

// Money and whether somebody is needed are on the first screen of a phone and of a desk.
func TestTheFirstScreenHasTheMoney(t *testing.T) {
	browser := browsertest.Start(t)
	for name, p := range map[string]report.Page{"billing": page(billing()), "night": night(), "refused": page(refused()), "reconcile": page(reconcile())} {
		tab := browser.Show(t, html(t, p))
		for width, height := range map[int64]float64{390: 844, 1280: 720} {
			tab.View(t, browsertest.View{Width: width})
			bottom := browsertest.Evaluate[float64](t, tab, `document.querySelector(".figures").getBoundingClientRect().bottom`)
			require.Less(t, bottom, height, "%s at %d", name, width)
			first := browsertest.Evaluate[float64](t, tab, `document.querySelector("main h2").getBoundingClientRect().bottom`)
			require.Less(t, first, height, "%s at %d", name, width)
		}
	}
}

// Paper has two pages at most, without the details, whether a reader opened them or not.
func TestPrint(t *testing.T) {
	browser := browsertest.Start(t)
	for name, p := range map[string]report.Page{"billing": page(billing()), "night": night()} {
		tab := browser.Show(t, html(t, p))
		browsertest.Evaluate[bool](t, tab, `document.querySelector("details").open = true`)
		pdf := tab.Print(t)
		if *shots != "" {
			require.NoError(t, os.WriteFile(filepath.Join(*shots, name+".pdf"), pdf, 0o600))
		}
		pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1))
		require.Contains(t, []int{1, 2}, pages, name)
	}
}
