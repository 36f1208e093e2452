package operator

import (
	"database/sql"
	"errors"
	"fmt"
)

// absent turns a row that is not there into an error for people, with the command that finds such rows.
func absent(err error, what string, id uint64) error {
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	find := map[string]string{"invoice": "duly show subscription ID", "event": "duly list dead-events", "finding": "duly list findings", "change": "duly list changes"}[what]
	if find == "" {
		find = "duly list review"
	}
	return fmt.Errorf("no %s %d; see %s%w", what, id, find, hidden{ErrNotThere})
}

func rowsOf(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
