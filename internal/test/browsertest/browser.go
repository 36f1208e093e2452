// Package browsertest shows pages of HTML to a real browser, for tests. It needs Chromium, which
// scripts/install-chromium.sh installs.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// startFor bounds a browser's whole life.
const startFor = 3 * time.Minute

// Browser is a headless Chromium.
type Browser struct{ ctx context.Context } //nolint:containedctx // chromedp knows its browser by it

// Start starts a browser that ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	program, err := find()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), startFor)
	t.Cleanup(cancel)
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(end)
	ctx, stop := chromedp.NewContext(ctx)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx), "start %s", program)
	return &Browser{ctx}
}

func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium here: scripts/install-chromium.sh installs it")
}

// View is how a page is looked at.
type View struct {
	Width int64 // of the window, in pixels
	Dark  bool
	Print bool
}

// Tab is a page that is shown.
type Tab struct {
	ctx context.Context //nolint:containedctx // chromedp knows its tab by it

	mu       sync.Mutex
	requests []string
	messages []string
}

// Show opens a page from disk, in a tab that is closed with the test.
func (b *Browser) Show(t testing.TB, html string) *Tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(file, []byte(html), 0o600))
	ctx, end := chromedp.NewContext(b.ctx)
	t.Cleanup(end)
	tab := &Tab{ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, tab.hear))
	require.NoError(t, chromedp.Do(ctx, send(network.Enable, network.EnableParams{}), send(log.Enable, cdp.Empty{}), chromedp.Navigate("file://"+file)))
	return tab
}

// View looks at the page in another way.
func (tab *Tab) View(t testing.TB, v View) {
	t.Helper()
	scheme, media := "light", ""
	if v.Dark {
		scheme = "dark"
	}
	if v.Print {
		media = "print"
	}
	require.NoError(t, chromedp.Do(tab.ctx, chromedp.EmulateViewport(v.Width, 900), send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})))
}

func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, command, params)
		return chromedp.Void{}, err
	}
}

func (tab *Tab) hear(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tab.requests = append(tab.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		tab.messages = append(tab.messages, string(e.Type))
	case *runtime.EventExceptionThrown:
		tab.messages = append(tab.messages, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		tab.messages = append(tab.messages, e.Entry.Text)
	}
}

// Requests lists what the page asked for, itself first.
func (tab *Tab) Requests() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.requests...)
}

// Messages lists what was written to the console, warnings and errors of the browser included.
func (tab *Tab) Messages() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.messages...)
}

// Screenshot is the whole page as a PNG.
func (tab *Tab) Screenshot(t testing.TB) []byte {
	t.Helper()
	png, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	return png
}

// Print is the page as a PDF, on A4.
func (tab *Tab) Print(t testing.TB) []byte {
	t.Helper()
	const width, height = 8.27, 11.69 // inches
	result, err := chromedp.Run(tab.ctx, func(ctx context.Context, target *chromedp.Target) (page.PrintToPDFResult, error) {
		return cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: width, PaperHeight: height, PrintBackground: new(true), PreferCSSPageSize: new(true)})
	})
	require.NoError(t, err)
	return result.Data
}

// Evaluate is the value of an expression of JavaScript in the page.
func Evaluate[T any](t testing.TB, tab *Tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(tab.ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err)
	return value
}
