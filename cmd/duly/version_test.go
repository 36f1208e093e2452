package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

func TestTheVersionIsThatOfTheBuild(t *testing.T) {
	t.Parallel()
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "false"}}
	changed := []debug.BuildSetting{commit[0], {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.4.0":                   {Main: debug.Module{Version: "v1.4.0"}, Settings: commit},
		"dev":                      {Main: debug.Module{Version: "(devel)"}},
		"dev-0123456789ab":         {Settings: commit},
		"dev-0123456789ab-changed": {Settings: changed},
	} {
		require.Equal(t, want, buildVersion(info))
	}
	text := duly(t, same, nil, "version")
	require.Equal(t, batch.ExitDone, text.code)
	require.Regexp(t, `^duly \S+ · go1\.\S+ \w+/\w+`, text.out)
	require.NotEmpty(t, documentOfVersion(t).Go)
	require.Regexp(t, `^duly version \S+\n$`, duly(t, same, nil, "--version").out)
}

func documentOfVersion(t *testing.T) versionView {
	t.Helper()
	return document[versionView](t, duly(t, same, nil, "version", "--json"))
}
