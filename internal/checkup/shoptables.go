package checkup

import (
	"context"
	"fmt"
	"strings"

	"duly/internal/mysql"
	"duly/internal/session"
)

// shopTables checks every column of the shop's tables, which may be views, and returns the tables that something is wrong with.
func (d *Checkup) shopTables(ctx context.Context, db *session.Database, role mysql.Role) []string {
	tables, err := mysql.CheckShopTables(ctx, db.DB, role)
	if err != nil {
		d.note("shop tables", err, "", "check that the server runs")
		return mysql.ShopTables()
	}
	var wrong []string
	for _, t := range tables {
		if len(t.Problems) == 0 {
			d.note(t.Name, nil, soundTable(t), "")
			continue
		}
		wrong = append(wrong, t.Name)
		for _, p := range t.Problems {
			check := p.Table
			if p.Column != "" {
				check += "." + p.Column
			}
			d.found = append(d.found, Check{Check: check, Detail: p.What, Mend: p.Fix})
		}
	}
	return wrong
}

// soundTable says what a table without a problem is.
func soundTable(t mysql.ShopTable) string {
	kind := "a table"
	if t.View {
		kind = "a view"
	}
	detail := fmt.Sprintf("%s with the %d columns that duly needs", kind, t.Columns)
	if n := len(t.Absent); n > 0 {
		count := "counts"
		if n > 1 {
			count = "count"
		}
		detail += "; without " + strings.Join(t.Absent, ", ") + ", which " + count + " as NULL"
	}
	return detail
}
