package inserted_test

import (
	"os"
	"testing"

	"duly/internal/test/testdb"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }
