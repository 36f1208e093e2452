package testdb

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jmoiron/sqlx"

	"duly/migrations"
)

// pattern is the database that the migrations fill once a server; the tests'
// databases are made from its table definitions, in a fraction of the time.
const pattern = "test_pattern"

// readSchema migrates the pattern and returns what makes a copy of it in an
// empty database.
func (s *Server) readSchema() (string, error) {
	ctx := context.Background()
	db, err := s.create(ctx, pattern, "")
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	if _, err := migrations.Up(ctx, db.DB); err != nil {
		return "", fmt.Errorf("migrate %s: %w", pattern, err)
	}
	var tables []string
	if err := db.SelectContext(ctx, &tables, "SHOW TABLES"); err != nil {
		return "", fmt.Errorf("list the tables: %w", err)
	}
	var script strings.Builder
	script.WriteString("SET foreign_key_checks = 0;\n")
	for _, table := range tables {
		if err := describe(ctx, db, table, &script); err != nil {
			return "", err
		}
	}
	script.WriteString("SET foreign_key_checks = 1")
	c, err := db.Connx(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", pattern, err)
	}
	defer func() { _ = c.Close() }()
	if s.shape, err = readShape(ctx, c); err != nil {
		return "", err
	}
	return script.String(), nil
}

// describe adds what makes the table, with the rows that the migrations put there.
func describe(ctx context.Context, db *sqlx.DB, table string, script *strings.Builder) error {
	var name, definition string
	if err := db.QueryRowxContext(ctx, "SHOW CREATE TABLE "+table).Scan(&name, &definition); err != nil {
		return fmt.Errorf("read the definition of %s: %w", table, err)
	}
	fmt.Fprintf(script, "%s;\n", withoutInherited(definition))
	var rows int
	if err := db.GetContext(ctx, &rows, "SELECT COUNT(*) FROM "+table); err != nil {
		return fmt.Errorf("count the rows of %s: %w", table, err)
	}
	if rows > 0 {
		fmt.Fprintf(script, "INSERT INTO %s SELECT * FROM %s.%s;\n", table, pattern, table)
	}
	return nil
}

// ofTable finds the collation of a table in its definition.
var ofTable = regexp.MustCompile(`(?m)^\).* COLLATE=(\w+)`)

// withoutInherited removes from a table's definition the collations that its columns inherit. MySQL prints the character set beside an explicit
// collation, so that the definition of the copy would differ from the original's.
func withoutInherited(definition string) string {
	of := ofTable.FindStringSubmatch(definition)
	if of == nil {
		return definition
	}
	return regexp.MustCompile(`(?m)^( +\S+ \S+) COLLATE `+of[1]+`\b`).ReplaceAllString(definition, "$1")
}

// create makes an empty database, runs the script in it, and connects.
func (s *Server) create(ctx context.Context, name, script string) (*sqlx.DB, error) {
	admin, err := connect(s.DSN(""))
	if err != nil {
		return nil, err
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name+"; USE "+name+"; "+script); err != nil {
		return nil, fmt.Errorf("make the database %s: %w", name, err)
	}
	return connect(s.DSN(name))
}
