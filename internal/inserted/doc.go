// Package inserted inserts rows and finds their generated ids. MariaDB returns ids with the statement (RETURNING); on MySQL they are read by the unique
// key. Ids are matched by the columns of the unique key, never by their order.
package inserted
