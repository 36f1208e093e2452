package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"duly/internal/batch"
)

// Server is a database server as it names itself, or a cluster of servers that share one history. The zero Server is any.
type Server struct {
	// Name is at most 64 characters.
	Name string

	read  string // an expression of SQL that reads value
	Value string // what is is there

	// Returns: the server supports INSERT … RETURNING; see [Server.InsertReturning].
	Returns bool
}

const (
	identifying = `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'hostname', 'port', 'datadir', 'version')`
	cluster     = "wsrep_cluster_state_uuid"
	clustered   = `SHOW GLOBAL STATUS LIKE '` + cluster + `'`

	// noCluster is what a server says that belongs to none.
	noCluster = "00000000-0000-0000-0000-000000000000"
)

// Identity names the server that answers; see [Identify].
func Identity(ctx context.Context, db *DB) (Server, error) {
	is := map[string]string{}
	for _, query := range []string{identifying, clustered} {
		var rows []struct {
			Name  string `db:"Variable_name"`
			Value string `db:"Value"`
		}
		if err := db.SelectContext(ctx, &rows, query); err != nil {
			return Server{}, fmt.Errorf("read which server this is: %w", Classify(ctx, err))
		}
		for _, r := range rows {
			is[strings.ToLower(r.Name)] = r.Value
		}
	}
	return Identify(is), nil
}

// Identify names a server by its variables: a node of a Galera cluster by the cluster, whose nodes share one history, and
// a MySQL server by its own server_uuid. MariaDB has none that its data keeps; there the name is made of server_uid, which
// the host's network address goes into, or of the host's name and port where the server is older than that, and of the folder
// of its data.
func Identify(is map[string]string) Server {
	_, mysql := is["server_uuid"]
	returns := !mysql && strings.Contains(is["version"], "MariaDB")
	switch {
	case is[cluster] != "" && is[cluster] != noCluster:
		table := "information_schema.GLOBAL_STATUS"
		if mysql {
			table = "performance_schema.global_status"
		}
		return Server{is[cluster], "(SELECT VARIABLE_VALUE FROM " + table + " WHERE VARIABLE_NAME = '" + cluster + "')", is[cluster], returns}
	case mysql:
		return Server{is["server_uuid"], "@@GLOBAL.server_uuid", is["server_uuid"], false}
	}
	host, read := is["server_uid"], "@@GLOBAL.server_uid"
	if host == "" {
		host, read = is["hostname"]+":"+is["port"], "@@GLOBAL.hostname, ':', @@GLOBAL.port"
	}
	value := host + "\n" + is["datadir"]
	sum := sha256.Sum256([]byte(value))
	return Server{hex.EncodeToString(sum[:]), "CONCAT(" + read + ", '\\n', @@GLOBAL.datadir)", value, returns}
}

// Known reports whether s is a certain server.
func (s Server) Known() bool { return s.read != "" }

// Column is what a statement selects for [Server.Check].
func (s Server) Column() string {
	if !s.Known() {
		return "NULL"
	}
	return "CONVERT(" + s.read + " USING utf8mb4)"
}

// Check returns batch.ErrOtherServer unless a server that answered with Column is s.
func (s Server) Check(column string) error {
	if s.Known() && column != s.Value {
		return fmt.Errorf("%w (this run began on %.12s)", batch.ErrOtherServer, s.Name)
	}
	return nil
}
