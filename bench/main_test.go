package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/bench/record"
)

// Memory is read within the stretch alone.
func TestResidentsWithinAStretch(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r := &residents{list: []resident{{at(1), 90}, {at(2), 50}, {at(3), 60}, {at(4), 80}}}
	require.InDelta(t, 60, r.within(record.Stretch{From: at(2), To: at(3)}), 0)
}

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
