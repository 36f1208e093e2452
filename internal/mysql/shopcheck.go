package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// ColumnProblem is something that is wrong with a column of the shop's, or with a whole table.
type ColumnProblem struct {
	Table  string
	Column string // empty: the whole table or view
	What   string
	Fix    string // what is right, in one line
}

// ShopTable is one of the shop's tables as it was found.
type ShopTable struct {
	Name     string
	View     bool
	Columns  int      // that duly expects, and that are there
	Absent   []string // optional ones that are not there: each counts as NULL
	Problems []ColumnProblem
}

const (
	shopTableTypes  = `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'VIEW' AND table_name IN (?)`
	shopColumnTypes = `SELECT table_name AS table_name, column_name AS column_name, data_type AS data_type, column_type AS column_type,
is_nullable AS is_nullable, character_maximum_length AS length FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (?)`
)

// CheckShopTables looks at each column that duly expects of the shop's tables, in a transaction that is rolled back and changes no row:
// whether it is there, can be read, is of a type that duly reads, and can be written if the role writes it. It costs one or two
// statements a column.
func CheckShopTables(ctx context.Context, db *DB, role Role) ([]ShopTable, error) {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, Classify(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was changed
	c := shopCheck{tx: tx, schema: db.Schema, role: role, needs: role.needs(), types: map[string]foundColumn{}}
	if err := c.read(ctx); err != nil {
		return nil, Classify(ctx, err)
	}
	tables := make([]ShopTable, 0, len(ShopTables()))
	for _, name := range ShopTables() {
		table, err := c.table(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, Classify(ctx, err))
		}
		tables = append(tables, table)
	}
	return tables, nil
}

type shopCheck struct {
	tx     *sqlx.Tx
	schema string
	role   Role
	needs  map[string]need
	types  map[string]foundColumn // by table.column
	views  []string
}

func (c *shopCheck) read(ctx context.Context) error {
	if err := SelectIn(ctx, c.tx, &c.views, shopTableTypes, ShopTables()); err != nil {
		return err
	}
	var found []foundColumn
	if err := SelectIn(ctx, c.tx, &found, shopColumnTypes, ShopTables()); err != nil {
		return err
	}
	for _, f := range found {
		c.types[strings.ToLower(f.Table+"."+f.Name)] = f
	}
	return nil
}

func (c *shopCheck) table(ctx context.Context, name string) (ShopTable, error) {
	t := ShopTable{Name: name, View: slices.Contains(c.views, name)}
	refused, err := c.try(ctx, "SELECT 1 FROM "+name+" WHERE FALSE")
	if err != nil {
		return t, err
	}
	if refused != nil {
		t.Problems = []ColumnProblem{c.unreadable(name, "", refused)}
		return t, nil
	}
	for _, column := range ShopColumns() {
		if column.Table != name {
			continue
		}
		there, problem, err := c.column(ctx, column)
		switch {
		case err != nil:
			return t, err
		case problem != nil:
			t.Problems = append(t.Problems, *problem)
		case there:
			t.Columns++
		default:
			t.Absent = append(t.Absent, column.Name)
		}
	}
	return t, nil
}

// column looks at one column. It is not there, without a problem, if it is optional and missing.
func (c *shopCheck) column(ctx context.Context, column ShopColumn) (there bool, _ *ColumnProblem, _ error) {
	where := "FALSE"
	if column.Kind == TextKind { // a constant of a view may have a collation that no text of ours can be compared with
		where = column.Name + " = '' AND FALSE"
	}
	refused, err := c.try(ctx, "SELECT "+column.Name+" FROM "+column.Table+" WHERE "+where)
	switch {
	case err != nil:
		return false, nil, err
	case IsUnknownColumn(refused) && column.Optional:
		return false, nil, nil
	case IsUnknownColumn(refused):
		return false, c.wrong(column, "missing"), nil
	case refused != nil:
		problem := c.unreadable(column.Table, column.Name, refused)
		return false, &problem, nil
	}
	written := slices.Contains(c.needs[column.Table].update, column.Name)
	f, known := c.types[column.Table+"."+column.Name]
	if what := column.wrongType(f, written); known && what != "" {
		return false, c.wrong(column, what), nil
	}
	if !written && slices.Contains(c.needs[column.Table].may, column.Name) {
		if refused, err = c.try(ctx, changeNothing(column.Table, []string{column.Name})); err != nil {
			return false, nil, err
		}
		if IsDenied(refused) {
			problem := c.denied(column.Table, column.Name, "UPDATE ("+column.Name+")")
			return false, &problem, nil
		}
	}
	if !written {
		return true, nil, nil
	}
	refused, err = c.try(ctx, changeNothing(column.Table, []string{column.Name}))
	switch {
	case err != nil:
		return false, nil, err
	case IsDenied(refused):
		problem := c.denied(column.Table, column.Name, "UPDATE ("+column.Name+")")
		return false, &problem, nil
	case refused != nil:
		return false, c.wrong(column, "not updatable ("+Reason(refused)+")"), nil
	}
	if what := column.refuses(f); known && what != "" {
		return false, c.wrong(column, what), nil
	}
	return true, nil, nil
}

// try runs a statement that changes nothing. refused is the server's word about the statement, err anything else.
func (c *shopCheck) try(ctx context.Context, statement string) (refused, err error) {
	_, err = c.tx.ExecContext(ctx, statement)
	if err == nil || number(err) == 0 || unavailable(err) || repeatable(err) {
		return nil, err
	}
	return err, nil
}

// wrong is a problem of a column that is fixed in its table or view.
func (c *shopCheck) wrong(column ShopColumn, what string) *ColumnProblem {
	use := "read by " + column.Use
	if column.Written() {
		use = "read and written by " + column.Use + ": a plain column of one table"
	}
	return &ColumnProblem{Table: column.Table, Column: column.Name, What: what, Fix: "right is " + column.Type + ", " + use}
}

// unreadable is a problem of what cannot be read: a right, or what a view stands on.
func (c *shopCheck) unreadable(table, column string, refused error) ColumnProblem {
	if IsDenied(refused) {
		return c.denied(table, column, "SELECT")
	}
	p := ColumnProblem{Table: table, Column: column, What: "cannot be read: " + Reason(refused)}
	switch {
	case number(refused) == codeNoTable:
		p.What, p.Fix = "missing", "make a view of this name over a table of yours (docs/own-tables.md)"
	case number(refused) == codeCollations:
		p.What, p.Fix = "cannot be compared: "+Reason(refused), "give the expression a collation: 'main' COLLATE utf8mb4_bin AS "+column
	default:
		p.Fix = "make the view again over what is there now (docs/own-tables.md), with a definer who may read and update it"
	}
	return p
}

func (c *shopCheck) denied(table, column, right string) ColumnProblem {
	return ColumnProblem{
		Table: table, Column: column, What: "not allowed: " + right + " on " + table,
		Fix: "GRANT " + right + " ON " + c.schema + "." + table + ", which the role " + string(c.role) + " of deploy/sql/grants.sql has",
	}
}
