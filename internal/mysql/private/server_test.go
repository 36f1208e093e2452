package private_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql/private"
)

func TestQuick(t *testing.T) {
	t0 := time.Now()
	dir := filepath.Join(t.TempDir(), "db")
	s, err := private.Start(t.Context(), private.Options{Dir: dir, Fast: true, Tied: true})
	require.NoError(t, err)
	t.Log("start", time.Since(t0))
	db, err := sql.Open("mysql", s.DSN(""))
	require.NoError(t, err)
	var v string
	require.NoError(t, db.QueryRow("select version()").Scan(&v))
	t.Log(v, s.Pid())
	t0 = time.Now()
	require.NoError(t, s.Stop(context.Background()))
	t.Log("stop", time.Since(t0))
	<-s.Done()
}
