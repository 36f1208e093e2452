package testdb

import (
	"fmt"
	"os"
	"path/filepath"

	"duly/internal/mysql/private"
)

// Engine is the name of the engine that the tests run on.
func Engine() string {
	if name := os.Getenv("ENGINE"); name != "" {
		return name
	}
	return "mariadb"
}

// program is the server program of the engine.
func program() (private.Program, error) {
	switch Engine() {
	case "mariadb":
		found, err := private.MariaDB()
		if err != nil {
			return found, fmt.Errorf("run scripts/install-mariadb.sh: %w", err)
		}
		return found, nil
	case "mysql":
		cache, err := os.UserCacheDir()
		if err != nil {
			return private.Program{}, fmt.Errorf("find the cache folder: %w", err)
		}
		found, err := private.MySQL(filepath.Join(cache, "duly", "mysql"))
		if err != nil {
			return found, fmt.Errorf("run scripts/install-mysql.sh: %w", err)
		}
		return found, nil
	default:
		return private.Program{}, fmt.Errorf("ENGINE is %q, and must be mariadb or mysql", Engine())
	}
}
