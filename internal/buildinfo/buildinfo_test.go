package buildinfo_test

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/buildinfo"
)

func TestTheVersionIsThatOfTheBuild(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "false"}}
	changed := []debug.BuildSetting{commit[0], {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.4.0":                   {Main: debug.Module{Version: "v1.4.0"}, Settings: commit},
		"dev":                      {Main: debug.Module{Version: "(devel)"}},
		"dev-0123456789ab":         {Settings: commit},
		"dev-0123456789ab-changed": {Settings: changed},
	} {
		require.Equal(t, want, buildinfo.Version(info))
	}
}
