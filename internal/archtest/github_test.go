package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The workflow runs what a machine of one's own runs, and no second list of checks.
func TestTheWorkflowRunsCI(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	text, err := os.ReadFile("../../.github/workflows/ci.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &workflow))
	steps := workflow.Jobs["test"].Steps
	require.NotEmpty(t, steps)
	require.Equal(t, "bash .ci/run", steps[len(steps)-1].Run)
}

// Every module of the tree has its dependencies looked after.
func TestEveryModuleIsUpdated(t *testing.T) {
	var bot struct {
		Updates []struct {
			Ecosystem string `yaml:"package-ecosystem"`
			Directory string
		}
	}
	text, err := os.ReadFile("../../.github/dependabot.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &bot))
	var watched, modules []string
	for _, update := range bot.Updates {
		if update.Ecosystem == "gomod" {
			watched = append(watched, update.Directory)
		}
	}
	tree := os.DirFS("../..")
	require.NoError(t, fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata" || entry.Name() == "bin"):
			return fs.SkipDir
		case entry.Name() == "go.mod":
			modules = append(modules, "/"+strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), "."))
		}
		return nil
	}))
	require.ElementsMatch(t, modules, watched)
}
