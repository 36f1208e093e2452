package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
)

// What cannot be written is exit code 1 with its reason, whatever was to be written; control: the same onto a disk that has room.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	to := func(device string, args ...string) (int, string) {
		out, err := os.OpenFile(device, os.O_WRONLY, 0)
		require.NoError(t, err)
		defer func() { require.NoError(t, out.Close()) }()
		var errs bytes.Buffer
		a := newApp(s.env, out, &errs)
		s.each(a)
		return execute(t.Context(), a, args), errs.String()
	}
	for _, args := range [][]string{
		{"help"},
		{"help", "run"},
		{"completion", "bash"},
		{"status"},
		{"status", "--json"},
		{"runs"},
		{"show", "run", "1"},
		{"list", "findings"},
		{"report", "1", "--html", "-"},
		{"run", "report", "--csv", "--dry-run"},
		{"run", "billing", "--dry-run"},
		{"run", "billing", "--json"},
	} {
		code, errs := to("/dev/full", args...)
		require.Equal(t, batch.ExitFailed, code, "%v %s", args, errs)
		require.Contains(t, errs, "duly: standard output: no space left on device\n", "%v", args)
		require.Equal(t, 1, strings.Count(errs, "no space left"), "%v: %s", args, errs)
		code, errs = to("/dev/null", args...)
		require.Equal(t, batch.ExitDone, code, "%v %s", args, errs)
		require.NotContains(t, errs, "standard output")
	}
	a := newApp(s.env, io.Discard, io.Discard)
	s.each(a)
	require.Equal(t, batch.ExitFailed, execute(t.Context(), a, []string{"report", "1", "--html", "/dev/full"}))
	page := filepath.Join(t.TempDir(), "page.html")
	got := s.duly(t, "report", "1", "--html", page)
	require.Equal(t, batch.ExitDone, got.code, got.err)
	got = s.duly(t, "report", "1", "--html", "/dev/full")
	require.Contains(t, got.err, "duly: write /dev/full: no space left on device")
}

// Sums that are too large for their columns are shown as the largest number, and fail no day.
func TestSumsThatAreTooLarge(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 3 {
		s.order(t, "completed", payment.Succeeded)
	}
	s.exec(t, `UPDATE orders SET amount = 9000000000000000000, completed_at = UTC_TIMESTAMP(6) - INTERVAL 1 DAY, created_at = UTC_TIMESTAMP(6) - INTERVAL 2 DAY`)
	today := payment.DateOf(s.today(t))
	got := s.duly(t, "run", "report", "--from", (today - 3).String(), "--to", today.String(), "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "9223372036854775807")
	require.NotContains(t, got.out, ": -")

	for range 3 {
		s.enrol(t, "ok", 12900)
	}
	s.exec(t, `UPDATE subscriptions SET amount = 9000000000000000000`)
	got = s.duly(t, "run", "billing", "--dry-run", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "9223372036854775807")
	require.NotContains(t, got.out, ": -")
	require.Equal(t, batch.ExitDone, s.duly(t, "status", "--json").code)
}
