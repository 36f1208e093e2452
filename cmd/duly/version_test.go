package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/buildinfo"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	text := duly(t, same, nil, "version")
	require.Equal(t, batch.ExitDone, text.code)
	require.Regexp(t, `^duly \S+ · go1\.\S+ \w+/\w+`, text.out)
	require.NotEmpty(t, documentOfVersion(t).Go)
	require.Regexp(t, `^duly version \S+\n$`, duly(t, same, nil, "--version").out)
}

func documentOfVersion(t *testing.T) buildinfo.View {
	t.Helper()
	return document[buildinfo.View](t, duly(t, same, nil, "version", "--json"))
}
