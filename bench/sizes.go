package main

import (
	"context"
	"fmt"
	"strings"
)

// sizes are those of the indexes of a schema, a table's rows being its primary key, and of its files.
type sizes struct {
	indexes []indexSize
	files   float64 // bytes
}

type indexSize struct {
	Table string `db:"table_name"`
	Index string `db:"index_name"`
	Bytes float64
}

// String lists what has a mebibyte at least.
func (s sizes) String() string {
	texts := []string{fmt.Sprintf("%.2f GiB of files", s.files/(1<<30))}
	for _, x := range s.indexes {
		if x.Bytes >= 1<<20 {
			texts = append(texts, fmt.Sprintf("%s.%s %.0f MiB", x.Table, x.Index, x.Bytes/(1<<20)))
		}
	}
	return strings.Join(texts, ", ")
}

func (s *schema) sizes(ctx context.Context) (sizes, error) {
	var out sizes
	if _, err := s.ExecContext(ctx, "ANALYZE TABLE subscriptions, invoices, payment_attempts, events"); err != nil {
		return out, fmt.Errorf("analyze: %w", err)
	}
	err := s.lab.admin.SelectContext(ctx, &out.indexes, `SELECT table_name, index_name, stat_value * @@innodb_page_size AS bytes
FROM mysql.innodb_index_stats WHERE database_name = ? AND stat_name = 'size' ORDER BY bytes DESC`, s.name)
	if err == nil {
		err = s.lab.admin.GetContext(ctx, &out.files,
			`SELECT COALESCE(SUM(file_size), 0) FROM information_schema.innodb_sys_tablespaces WHERE name LIKE CONCAT(?, '/%')`, s.name)
	}
	if err != nil {
		return out, fmt.Errorf("read the sizes of the tables: %w", err)
	}
	return out, nil
}
