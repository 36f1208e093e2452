package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	all, err := choose(nil)
	require.NoError(t, err)
	for _, b := range all {
		require.NotEqual(t, "10M", b.name, "it wants to be named")
	}
	named, err := choose([]string{"10m", "b2"})
	require.NoError(t, err)
	require.Len(t, named, 2)
	require.Equal(t, "10M", named[0].name)
	_, err = choose([]string{"B99"})
	require.ErrorContains(t, err, `there is no case "B99"`)
}
