package methods

import (
	"slices"
	"time"

	"duly/internal/billing/network"
)

// Crowded is put behind a statement of four columns. It reads which methods were tried at least so often lately, whatever came of it: few were. It reads the
// index alone, and only of that time. Such a row has the method in the second column, and NULL in the last two.
const Crowded = ` UNION ALL SELECT CAST(COUNT(*) AS UNSIGNED), CAST(payment_method AS BINARY), NULL, NULL FROM payment_attempts FORCE INDEX (by_method)
WHERE payment_method IN (?) AND created_at >= ? GROUP BY payment_method HAVING COUNT(*) >= ?`

// Counting is what methods are counted by, and when. Without rules they are not.
type Counting struct {
	Rules network.Rules
	At    time.Time
}

// Query is a statement with [Crowded] behind it, for methods each of which stands there as often as it is to be tried. A method that it does not
// name was tried so seldom that no ceiling is near.
func (c Counting) Query(statement string, args []any, named []string) (query string, all []any) {
	few := c.Rules.Few()
	if few == 0 || len(named) == 0 {
		return statement, args
	}
	return statement + Crowded, append(args, named, Since(c.At), max(1, few-mostOften(named)+1))
}

// mostOften is how often the name that stands there most often does.
func mostOften(names []string) int {
	most, n, last := 0, 0, ""
	for _, name := range slices.Sorted(slices.Values(names)) {
		if name != last {
			n, last = 0, name
		}
		n++
		most = max(most, n)
	}
	return most
}
