package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Identity is a name of the server that answers, at most 64 characters: MySQL's own server_uuid. MariaDB has none that
// its data keeps; there it is made of server_uid, which the host's network address goes into, or of the host's name and port
// where the server is older than that, and of the folder of its data.
func Identity(ctx context.Context, db *DB) (string, error) {
	var rows []struct {
		Name  string `db:"Variable_name"`
		Value string `db:"Value"`
	}
	if err := db.SelectContext(ctx, &rows, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'hostname', 'port', 'datadir')`); err != nil {
		return "", fmt.Errorf("read which server this is: %w", Classify(ctx, err))
	}
	is := make(map[string]string, len(rows))
	for _, r := range rows {
		is[strings.ToLower(r.Name)] = r.Value
	}
	if is["server_uuid"] != "" {
		return is["server_uuid"], nil
	}
	host := is["server_uid"]
	if host == "" {
		host = is["hostname"] + ":" + is["port"]
	}
	sum := sha256.Sum256([]byte(host + "\n" + is["datadir"]))
	return hex.EncodeToString(sum[:]), nil
}
