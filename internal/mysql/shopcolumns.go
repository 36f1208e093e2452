package mysql

import (
	"slices"
	"strings"
)

// ColumnKind is what duly expects a column to hold.
type ColumnKind int

// The kinds of columns.
const (
	IntegerKind ColumnKind = iota // a whole number: BIGINT, or a smaller one
	TextKind                      // characters: VARCHAR, CHAR, TEXT, ENUM
	DayKind                       // DATE
	InstantKind                   // DATETIME or TIMESTAMP
)

// ShopColumn is a column that duly expects of a table of the shop's, which may be a view.
type ShopColumn struct {
	Table, Name string
	// Type is the type that `duly migrate up` gives the column: "VARCHAR(255) NULL".
	Type string
	Kind ColumnKind
	// Use says which steps read or write it.
	Use string
	// Nullable: a reading step takes NULL for none, and a writing step writes it.
	Nullable bool
	// Optional: the column may be missing, which counts as NULL.
	Optional bool
	// Words lists the words that duly writes into it; nil: text of any kind.
	Words []string
}

// ShopTables lists the tables of the shop's.
func ShopTables() []string {
	return []string{"subscriptions", "subscription_changes", "orders", "order_items", "products", "payments"}
}

const (
	bigID   = "BIGINT UNSIGNED NOT NULL"
	minor   = "BIGINT NOT NULL"
	code3   = "CHAR(3) NOT NULL"
	word20  = "VARCHAR(20) NOT NULL"
	text255 = "VARCHAR(255) NULL"
	instant = "DATETIME(6) NULL"
	created = "DATETIME(6) NOT NULL"
	touched = "TIMESTAMP(6) NOT NULL"
)

// ShopColumns lists the columns that duly expects of the shop's tables, by table.
func ShopColumns() []ShopColumn {
	const (
		bill, every = "billing", "every step"
		both, alone = "reconcile and report", "reconcile"
		shown       = "duly show"
	)
	return slices.Concat(
		columnsOf("subscriptions", []ShopColumn{
			{Name: "id", Type: bigID, Use: every},
			{Name: "customer_id", Type: "VARCHAR(64) NOT NULL", Kind: TextKind, Use: bill},
			{Name: "status", Type: word20, Kind: TextKind, Use: bill, Words: []string{"active", "past_due", "cancelled"}},
			{Name: "gateway", Type: "VARCHAR(32) NOT NULL", Kind: TextKind, Use: bill},
			{Name: "payment_method", Type: "VARCHAR(255) NOT NULL", Kind: TextKind, Use: bill},
			{Name: "gateway_customer", Type: "VARCHAR(300) NULL", Kind: TextKind, Use: bill, Nullable: true, Optional: true},
			{Name: "dunning_policy", Type: "VARCHAR(32) NULL", Kind: TextKind, Use: bill, Nullable: true, Optional: true},
			{Name: "method_expires_on", Type: "DATE NULL", Kind: DayKind, Use: "notices", Nullable: true, Optional: true},
			{Name: "method_type", Type: "VARCHAR(32) NULL", Kind: TextKind, Use: bill, Nullable: true},
			{Name: "description", Type: "VARCHAR(120) NULL", Kind: TextKind, Use: bill, Nullable: true},
			{Name: "amount", Type: minor, Use: bill},
			{Name: "currency", Type: code3, Kind: TextKind, Use: bill},
			{Name: "interval_unit", Type: word20, Kind: TextKind, Use: bill},
			{Name: "interval_count", Type: "INT NOT NULL", Use: bill},
			{Name: "anchor_day", Type: "TINYINT UNSIGNED NULL", Use: bill, Nullable: true},
			{Name: "next_billing_date", Type: "DATE NOT NULL", Kind: DayKind, Use: bill},
			{Name: "review_reason", Type: text255, Kind: TextKind, Use: bill, Nullable: true},
			{Name: "cancelled_at", Type: instant, Kind: InstantKind, Use: bill, Nullable: true},
			{Name: "cancel_reason", Type: text255, Kind: TextKind, Use: bill, Nullable: true},
			{Name: "created_at", Type: created, Kind: InstantKind, Use: shown},
			{Name: "updated_at", Type: touched, Kind: InstantKind, Use: "duly list, show, reopen and resolve"},
		}),
		columnsOf("subscription_changes", []ShopColumn{
			{Name: "id", Type: bigID, Use: bill},
			{Name: "subscription_id", Type: bigID, Use: bill},
			{Name: "effective_date", Type: "DATE NOT NULL", Kind: DayKind, Use: bill},
			{Name: "kind", Type: word20, Kind: TextKind, Use: bill},
			{Name: "value", Type: text255, Kind: TextKind, Use: bill, Nullable: true},
			{Name: "note", Type: text255, Kind: TextKind, Use: bill, Nullable: true},
			{Name: "applied_at", Type: instant, Kind: InstantKind, Use: bill, Nullable: true},
			{Name: "outcome", Type: text255, Kind: TextKind, Use: bill, Nullable: true},
		}),
		columnsOf("orders", []ShopColumn{
			{Name: "id", Type: bigID, Use: every},
			{Name: "customer_id", Type: "VARCHAR(64) NOT NULL", Kind: TextKind, Use: alone},
			{Name: "status", Type: word20, Kind: TextKind, Use: both, Words: []string{"completed", "failed"}},
			{Name: "failure_reason", Type: text255, Kind: TextKind, Use: alone, Nullable: true},
			{Name: "amount", Type: minor, Use: both},
			{Name: "currency", Type: code3, Kind: TextKind, Use: both},
			{Name: "created_at", Type: created, Kind: InstantKind, Use: both},
			{Name: "completed_at", Type: instant, Kind: InstantKind, Use: both, Nullable: true},
			{Name: "failed_at", Type: instant, Kind: InstantKind, Use: both, Nullable: true},
			{Name: "updated_at", Type: touched, Kind: InstantKind, Use: alone},
		}),
		columnsOf("order_items", []ShopColumn{
			{Name: "order_id", Type: bigID, Use: both},
			{Name: "product_id", Type: bigID, Use: both},
			{Name: "quantity", Type: "INT NOT NULL", Use: both},
		}),
		columnsOf("products", []ShopColumn{
			{Name: "id", Type: bigID, Use: both},
			{Name: "name", Type: "VARCHAR(255) NOT NULL", Kind: TextKind, Use: both},
			{Name: "stock", Type: minor, Use: alone},
			{Name: "low_stock_threshold", Type: "BIGINT NULL", Use: alone, Nullable: true},
		}),
		columnsOf("payments", []ShopColumn{
			{Name: "id", Type: bigID, Use: every},
			{Name: "order_id", Type: bigID, Use: alone},
			{Name: "gateway", Type: "VARCHAR(32) NOT NULL", Kind: TextKind, Use: alone},
			{Name: "method_type", Type: "VARCHAR(32) NULL", Kind: TextKind, Use: shown, Nullable: true},
			{Name: "transaction_key", Type: text255, Kind: TextKind, Use: "reconcile and audit", Nullable: true},
			{Name: "idempotency_key", Type: "VARCHAR(64) NULL", Kind: TextKind, Use: "reconcile and audit", Nullable: true},
			{
				Name: "status", Type: word20, Kind: TextKind, Use: both,
				Words: []string{"succeeded", "failed", "cancelled", "refund_due", "refunded", "review"},
			},
			{Name: "amount", Type: minor, Use: both},
			{Name: "currency", Type: code3, Kind: TextKind, Use: both},
			{Name: "failure_code", Type: "VARCHAR(64) NULL", Kind: TextKind, Use: alone, Nullable: true},
			{Name: "failure_reason", Type: text255, Kind: TextKind, Use: alone, Nullable: true},
			{Name: "refunded_amount", Type: minor, Use: both},
			{Name: "refunded_at", Type: instant, Kind: InstantKind, Use: both, Nullable: true},
			{Name: "created_at", Type: created, Kind: InstantKind, Use: alone},
			{Name: "updated_at", Type: touched, Kind: InstantKind, Use: alone},
		}),
	)
}

func columnsOf(table string, columns []ShopColumn) []ShopColumn {
	for i := range columns {
		columns[i].Table = table
	}
	return columns
}

// Written reports whether a worker changes the column and cannot do without. A payment method, which a gateway may replace, is not among them: where
// it cannot be written it stays as it is.
func (c ShopColumn) Written() bool {
	return slices.Contains(workerNeeds()[c.Table].update, c.Name)
}

// width is how many characters duly may write into the column; 0 for one that is not text.
func (c ShopColumn) width() int64 {
	_, after, ok := strings.Cut(c.Type, "CHAR(")
	if !ok {
		return 0
	}
	var n int64
	for _, digit := range after {
		if digit < '0' || digit > '9' {
			break
		}
		n = 10*n + int64(digit-'0')
	}
	return n
}

// foundColumn is a column as information_schema has it.
type foundColumn struct {
	Table    string `db:"table_name"`
	Name     string `db:"column_name"`
	Data     string `db:"data_type"`
	Whole    string `db:"column_type"`
	Nullable string `db:"is_nullable"`
	Length   *int64 `db:"length"`
}

// wrongType says what is wrong with the type of a column; empty: nothing. written: duly writes the column.
func (c ShopColumn) wrongType(f foundColumn, written bool) string {
	if c.Nullable && !written && f.Length != nil && *f.Length == 0 { // NULL itself, as a view has it
		return ""
	}
	if !slices.Contains(c.Kind.types(), strings.ToLower(f.Data)) {
		return "wrong type: " + strings.ToLower(f.Whole)
	}
	return ""
}

// refuses says what a column that can be written does not take of what duly writes; empty: nothing.
func (c ShopColumn) refuses(f foundColumn) string {
	whole := strings.ToLower(f.Whole)
	switch {
	case strings.EqualFold(f.Data, "enum"):
		return c.wrongEnum(whole)
	case c.Kind == TextKind && f.Length != nil && *f.Length < c.width():
		return "too narrow: " + whole
	case c.Nullable && strings.EqualFold(f.Nullable, "NO"):
		return "takes no NULL: " + whole + " NOT NULL"
	}
	return ""
}

// wrongEnum says which of the words that duly writes an ENUM lacks. Text of any kind is more than an ENUM holds.
func (c ShopColumn) wrongEnum(whole string) string {
	if c.Words == nil {
		return "wrong type: " + whole
	}
	for _, word := range c.Words {
		if !strings.Contains(whole, "'"+word+"'") {
			return "lacks the word " + word + ": " + whole
		}
	}
	return ""
}

// types lists the data types that a kind takes.
func (k ColumnKind) types() []string {
	switch k {
	case IntegerKind:
		return []string{"tinyint", "smallint", "mediumint", "int", "bigint"}
	case TextKind:
		return []string{"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum"}
	case DayKind:
		return []string{"date"}
	case InstantKind:
		return []string{"datetime", "timestamp"}
	}
	return nil
}
