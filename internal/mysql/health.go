package mysql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Problem is something about a database that must be fixed before duly can rely on it.
//
//nolint:errname // the word that operators use
type Problem struct {
	What string
	Mend string // how to fix it

	mendFirst bool // What is long, and a reader of the whole text must not miss the rest
}

// Error implements error.
func (p *Problem) Error() string {
	if p.mendFirst {
		return p.Mend + ": " + p.What
	}
	return p.What + ": " + p.Mend
}

// Version is what the server calls itself.
func Version(ctx context.Context, db *DB) (string, error) {
	var version, comment string
	if err := db.QueryRowxContext(ctx, "SELECT VERSION(), @@version_comment").Scan(&version, &comment); err != nil {
		return "", Classify(ctx, err)
	}
	if !strings.Contains(version, "MariaDB") {
		version += ", " + comment
	}
	return version, nil
}

// variables reads server variables as the session sees them; one that the server does not know is left out.
func variables(ctx context.Context, db *DB, names ...string) (map[string]string, error) {
	var rows []struct {
		Name  string `db:"Variable_name"`
		Value string `db:"Value"`
	}
	if err := SelectIn(ctx, db, &rows, "SHOW VARIABLES WHERE Variable_name IN (?)", names); err != nil {
		return nil, Classify(ctx, err)
	}
	found := make(map[string]string, len(rows))
	for _, r := range rows {
		found[strings.ToLower(r.Name)] = r.Value
	}
	return found, nil
}

// CheckIsolation checks that sessions are READ COMMITTED, as Open asks for, and that the binary log takes writes
// made under it.
func CheckIsolation(ctx context.Context, db *DB) error {
	v, err := variables(ctx, db, "transaction_isolation", "tx_isolation", "log_bin", "binlog_format")
	if err != nil {
		return err
	}
	level := v["transaction_isolation"]
	if level == "" {
		level = v["tx_isolation"]
	}
	if level != "READ-COMMITTED" {
		return &Problem{What: "a session is " + level + " although READ COMMITTED was asked for", Mend: "connect to the server itself, or to a proxy that keeps session settings"}
	}
	if v["log_bin"] == "ON" && v["binlog_format"] == "STATEMENT" {
		return &Problem{What: "binlog_format is STATEMENT, under which READ COMMITTED cannot write", Mend: "set binlog_format to ROW or MIXED on the server"}
	}
	return nil
}

// rowBytes is more than one row takes in the largest statement: texts of full width, escaped.
const rowBytes = 8 << 10

// CheckPacket checks that the statements for a chunk of that many rows fit into max_allowed_packet.
func CheckPacket(ctx context.Context, db *DB, rows int) error {
	v, err := variables(ctx, db, "max_allowed_packet")
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(v["max_allowed_packet"])
	if err != nil {
		return fmt.Errorf("max_allowed_packet is %q: %w", v["max_allowed_packet"], err)
	}
	if rows*rowBytes > limit {
		return &Problem{
			What: fmt.Sprintf("a chunk of %d rows can take %d bytes, and max_allowed_packet is %d", rows, rows*rowBytes, limit),
			Mend: fmt.Sprintf("set billing.chunk_size to %d or less, or raise max_allowed_packet", limit/rowBytes),
		}
	}
	return nil
}

const foreignEngines = `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()
AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' AND table_name IN (?) ORDER BY table_name`

// CheckEngine checks that the tables are of an engine with transactions and row locks.
func CheckEngine(ctx context.Context, db *DB) error {
	var tables []string
	for table := range workerNeeds() {
		tables = append(tables, table)
	}
	var wrong []string
	if err := SelectIn(ctx, db, &wrong, foreignEngines, tables); err != nil {
		return Classify(ctx, err)
	}
	if len(wrong) > 0 {
		return &Problem{What: "not InnoDB: " + strings.Join(wrong, ", "), Mend: "ALTER TABLE … ENGINE=InnoDB for each of them"}
	}
	return nil
}
