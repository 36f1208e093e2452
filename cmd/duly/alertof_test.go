package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Error lines are told of, even if all ended well; who stops a run at a terminal knows.
func TestWhatIsToldOf(t *testing.T) {
	t.Parallel()
	run := func(lines int) *runAlert {
		l := &errorLines{}
		for range lines {
			l.add("x")
		}
		return &runAlert{job: "billing", runs: []endedRun{{errors: l}}}
	}
	for code, want := range map[int]bool{0: false, 1: true, 2: true, 3: true, 4: true, 5: false, 130: true, 143: true} {
		require.Equal(t, want, run(0).alarming(code, false), code)
		require.Equal(t, want && code < 100, run(0).alarming(code, true), code)
		require.True(t, run(1).alarming(code, true), code)
	}
	tell := alertFormatter{host: "vm", date: "2026-01-31", clean: discreet}
	bad := run(5)
	bad.runs[0].Run, bad.runs[0].Job = 17, "billing"
	bad.runs[0].errors.add("y")
	a := bad.alert(tell, true, nil)
	require.Equal(t, "billing of 31 Jan: done, with errors in the log", a.Title)
	require.Equal(t, []string{"in the log: x", "in the log: y", "4 more error lines in the log"}, a.Reasons)
	require.Equal(t, []string{"duly show run 17"}, a.Commands)
	tell.code = 143
	require.Equal(t, "billing of 31 Jan: stopped by SIGTERM", bad.alert(tell, true, nil).Title)
}

func TestDiscreet(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no gateway 'maim' for 'a'", discreet("no gateway 'maim' for 'a'"), "a finished text is not edited")
	require.Equal(t, "collect: panic: the log has its stack", discreet("collect: panic: cus_1\ngoroutine"))
	require.Equal(t, "the run's lease and the job's", discreet("the run's lease and the job's"))
}
