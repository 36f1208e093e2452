// Package page reads what the page of a run or a night shows, and writes it to a file. How it looks is in [duly/internal/report].
package page
