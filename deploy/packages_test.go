package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// What packages are made of is there, and units in a package start what is in it.
func TestThePackagesContents(t *testing.T) {
	var config struct {
		Contents []struct{ Src, Dst, Type string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "packages/nfpm.yaml")), &config))
	inside := map[string]bool{}
	for _, c := range config.Contents {
		inside[c.Dst] = true
		if c.Src != "" && !strings.HasPrefix(c.Src, "${DIST}/") {
			_, err := os.Stat(filepath.Join("..", c.Src))
			require.NoError(t, err, "%s", c.Dst)
		}
	}
	for _, unit := range []string{"duly.service", "duly.timer", "duly-schedule.service"} {
		require.True(t, inside["/usr/lib/systemd/system/"+unit], unit)
		text := strings.ReplaceAll(read(t, "systemd/"+unit), "/usr/local/", "/usr/")
		for _, found := range regexp.MustCompile(`(?m)^(?:Exec\w+=\+?|Documentation=file://)(/[^\s]+)`).FindAllStringSubmatch(text, -1) {
			require.True(t, inside[found[1]], "%s names %s", unit, found[1])
		}
	}
	require.True(t, inside["/etc/duly/secrets"])
}

// The image is built by the Go of the module, and says what it is.
func TestTheImage(t *testing.T) {
	text := read(t, "Containerfile")
	mod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	require.NotNil(t, version)
	require.Contains(t, text, "golang:"+string(version[1])+"-")
	for _, label := range []string{"title", "description", "version", "revision", "created"} {
		require.Contains(t, text, "org.opencontainers.image."+label+"=")
	}
	require.Contains(t, text, "USER 65532:65532")
}
