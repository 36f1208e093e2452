package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

// overlay is the tree with some files changed, for the go command alone.
type overlay struct {
	dir   string
	files map[string]string
}

func newOverlay(t *testing.T) *overlay {
	t.Helper()
	return &overlay{t.TempDir(), map[string]string{}}
}

// write puts a text in the place of a file of the tree, which need not be there.
func (o *overlay) write(t *testing.T, name, text string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", name))
	require.NoError(t, err)
	o.files[path] = filepath.Join(o.dir, fmt.Sprintf("%d%s", len(o.files), filepath.Ext(name)))
	require.NoError(t, os.WriteFile(o.files[path], []byte(text), 0o600))
}

// command is the go command over the changed tree.
func (o *overlay) command(t *testing.T, verb string, args ...string) *exec.Cmd {
	t.Helper()
	list, err := json.Marshal(map[string]any{"Replace": o.files})
	require.NoError(t, err)
	path := filepath.Join(o.dir, "overlay.json")
	require.NoError(t, os.WriteFile(path, list, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", append([]string{verb, "-overlay", path}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", name))
	require.NoError(t, err)
	return string(text)
}

// blocks are the blocks of code of a language below a heading, without their indentation.
func blocks(t *testing.T, page, heading, language string) []string {
	t.Helper()
	_, section, ok := strings.Cut(page, "\n## "+heading+"\n")
	require.True(t, ok, "there is no heading %q", heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var out []string
	for _, match := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(section, -1) {
		out = append(out, strings.ReplaceAll("\n"+match[2], "\n"+match[1], "\n")[1:])
	}
	require.NotEmpty(t, out, "%q has no code", heading)
	return out
}

// after puts a text behind what a pattern matches first.
func after(t *testing.T, text, pattern, added string) string {
	t.Helper()
	at := regexp.MustCompile(pattern).FindStringIndex(text)
	require.NotNil(t, at, "nothing matches %s", pattern)
	return text[:at[1]] + added + text[at[1]:]
}

// imported adds imports that a file lacks, as editors do.
func imported(t *testing.T, text string, paths ...string) string {
	t.Helper()
	for _, path := range paths {
		if !strings.Contains(text, `"`+path+`"`) {
			text = after(t, text, `import \(\n`, "\t\""+path+"\"\n")
		}
	}
	return text
}

// TestRecipes does to the letter what contributors are told: the entry of docs/own-job.md makes a job that runs, and the migration of
// CONTRIBUTING.md a column that comes and goes.
func TestRecipes(t *testing.T) {
	t.Parallel()
	o := newOverlay(t)
	ownJob := read(t, "docs/own-job.md")
	place := regexp.MustCompile("In `(\\w+)` of \\[`([a-z/_.]+)`\\]").FindStringSubmatch(ownJob)
	require.NotNil(t, place, "docs/own-job.md names the registry")
	registry := after(t, read(t, place[2]), `func `+place[1]+`\(\) [^\n]*\{\n\treturn [^{]*\{`, "\n"+blocks(t, ownJob, "The entry", "go")[0])
	o.write(t, place[2], imported(t, registry, "time", "duly/jobs"))

	const note = "90000_note.sql" // behind every real one
	o.write(t, "migrations/"+note, blocks(t, read(t, "CONTRIBUTING.md"), "Add a column", "sql")[0])

	program := filepath.Join(t.TempDir(), "duly")
	out, err := o.command(t, "build", "-o", program, "duly/cmd/duly").CombinedOutput()
	require.NoError(t, err, "%s", out)
	db := testdb.New(t)
	duly := func(args ...string) string {
		p := launch(t, program, []string{"DULY_DATABASE_DSN=" + db.DSN}, args...)
		require.Zero(t, p.exit(), "%v: %s", args, p.printed())
		return string(p.printed())
	}
	columns := func() (n int) {
		require.NoError(t, db.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'note'`))
		return n
	}

	require.Contains(t, duly("migrate", "up"), note)
	require.Equal(t, 1, columns())
	require.Contains(t, duly("help", "run"), "delivered")
	_, err = db.ExecContext(t.Context(), `INSERT INTO orders (customer_id, status, amount, currency, created_at, updated_at)
VALUES ('c', 'shipped', 100, 'KRW', '2026-01-01', '2026-01-02')`)
	require.NoError(t, err)
	duly("run", "delivered")
	var status string
	require.NoError(t, db.GetContext(t.Context(), &status, "SELECT status FROM orders"))
	require.Equal(t, "delivered", status)
	require.Contains(t, duly("migrate", "down"), note)
	require.Zero(t, columns())
}

// TestRecipeOfADeclineCode: a code that is added as CONTRIBUTING.md says fails its test until it has its row, and passes with it.
func TestRecipeOfADeclineCode(t *testing.T) {
	t.Parallel()
	o := newOverlay(t)
	added := blocks(t, read(t, "CONTRIBUTING.md"), "Add a decline code", "go")
	require.Len(t, added, 2)
	const table, tests = "internal/gateway/httpapi/declines.go", "internal/gateway/httpapi/classify_test.go"
	run := func() ([]byte, error) {
		return o.command(t, "test", "-count=1", "-run=^TestDeclineClasses$", "duly/internal/gateway/httpapi").CombinedOutput()
	}
	o.write(t, table, after(t, read(t, table), `var classes = [^\n]*\n`, added[0]))
	out, err := run()
	require.Error(t, err)
	require.Contains(t, string(out), "fraudulent has no row above")
	o.write(t, tests, after(t, read(t, tests), `(?s)func TestDeclineClasses\(.*?\}\{\n`, added[1]))
	out, err = run()
	require.NoError(t, err, "%s", out)
}
