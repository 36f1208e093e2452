package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// timedTables are those whose created_at the shop writes; each has an updated_at beside it.
func timedTables() []string { return []string{"subscriptions", "orders", "payments"} }

// newestRows looks at the newest rows by primary key, so that it costs the same however large a table is.
const newestRows = `SELECT TIMESTAMPDIFF(SECOND, updated_at, created_at) FROM (SELECT created_at, updated_at FROM %s ORDER BY id DESC LIMIT 200) newest
WHERE TIMESTAMPDIFF(SECOND, updated_at, created_at) IS NOT NULL`

// CheckLocalTime looks whether the shop writes created_at, a DATETIME, in its local time instead of UTC: every age
// would be wrong by hours then. It compares it with updated_at, a TIMESTAMP, which the server keeps right in every
// zone. What nobody can tell is no problem: a table whose newest rows were all changed long after they were made.
func CheckLocalTime(ctx context.Context, db *DB) error {
	var wrong []string
	for _, table := range timedTables() {
		var seconds []int64
		if err := db.SelectContext(ctx, &seconds, fmt.Sprintf(newestRows, table)); err != nil {
			return fmt.Errorf("%s: %w", table, Classify(ctx, err))
		}
		ahead := make([]time.Duration, len(seconds))
		for i, s := range seconds {
			ahead[i] = time.Duration(s) * time.Second
		}
		if offset, local := localOffset(ahead); local {
			wrong = append(wrong, fmt.Sprintf("%s.created_at is of UTC%s", table, zoneText(offset)))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &Problem{
		What: "the shop writes local time where UTC is expected: " + strings.Join(wrong, ", "),
		Mend: "let the shop write UTC_TIMESTAMP(6), or leave the column to its default; then move the rows that are there by as many hours",
	}
}

const (
	quarter    = 15 * time.Minute // every zone's offset is a whole number of them
	nearest    = time.Hour        // no zone is nearer to UTC and is not UTC
	furthest   = 14 * time.Hour
	atOnce     = 5 * time.Second // how far apart the two columns of one INSERT lie, if the shop's clock is right
	enoughEast = 3               // rows; of those that are exactly a zone's offset apart one does
	enoughWest = 2
)

// localOffset is the zone that created_at is of, by how far it is ahead of updated_at in the newest rows.
//
// East of UTC a row that is changed soon is created after it was changed, which no row is. West of it no row at all
// is changed within hours, while those that were never changed are all the same quarters of an hour apart. Rows
// that something changes after a fixed time look like these as well, but not before they are changed.
func localOffset(ahead []time.Duration) (time.Duration, bool) {
	if len(ahead) == 0 {
		return 0, false
	}
	most := slices.Max(ahead)
	offset := most.Round(quarter)
	exact, east := 0, 0
	for _, d := range ahead {
		if (d - offset).Abs() <= atOnce {
			exact++
		}
		if d >= nearest-quarter {
			east++
		}
	}
	switch {
	case offset.Abs() < nearest || offset.Abs() > furthest:
		return 0, false
	case offset > 0 && exact == 0: // each was changed a little later
		return (most + quarter - 1).Truncate(quarter), east >= enoughEast
	case offset > 0:
		return offset, true
	}
	return offset, exact >= enoughWest
}

// zoneText writes an offset as +09:00.
func zoneText(offset time.Duration) string {
	sign := "+"
	if offset < 0 {
		sign, offset = "-", -offset
	}
	return fmt.Sprintf("%s%02d:%02d", sign, int(offset.Hours()), int(offset.Minutes())%60)
}
