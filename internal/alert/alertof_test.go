package alert

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/session"
)

// Error lines are told of, even if all ended well; who stops a run at a terminal knows.
func TestWhatIsToldOf(t *testing.T) {
	t.Parallel()
	run := func(lines int) *Collector {
		l := &session.ErrorLines{}
		for range lines {
			l.Add("x")
		}
		return &Collector{Job: "billing", Runs: []EndedRun{{Errors: l}}}
	}
	for code, want := range map[int]bool{0: false, 1: true, 2: true, 3: true, 4: true, 5: false, 130: true, 143: true} {
		require.Equal(t, want, run(0).Alarming(code, false), code)
		require.Equal(t, want && code < 100, run(0).Alarming(code, true), code)
		require.True(t, run(1).Alarming(code, true), code)
	}
	tell := Formatter{host: "vm", date: "2026-01-31", clean: discreet}
	bad := run(5)
	bad.Runs[0].Summary.Run, bad.Runs[0].Summary.Job = 17, "billing"
	bad.Runs[0].Errors.Add("y")
	a := bad.Alert(tell, true, nil)
	require.Equal(t, "billing of 31 Jan: done, with errors in the log", a.Title)
	require.Equal(t, []string{"in the log: x", "in the log: y", "4 more error lines in the log"}, a.Reasons)
	require.Equal(t, []string{"duly show run 17"}, a.Commands)
	tell.code = 143
	require.Equal(t, "billing of 31 Jan: stopped by SIGTERM", bad.Alert(tell, true, nil).Title)
}

func TestDiscreet(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no gateway 'maim' for 'a'", discreet("no gateway 'maim' for 'a'"), "a finished text is not edited")
	require.Equal(t, "collect: panic: the log has its stack", discreet("collect: panic: cus_1\ngoroutine"))
	require.Equal(t, "the run's lease and the job's", discreet("the run's lease and the job's"))
}
