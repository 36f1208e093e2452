// Package inserted gives the ids of rows that a transaction has just inserted. MariaDB returns them with the statement; elsewhere they are read
// by the unique key. An id is taken for what its row says, never for where it stands.
package inserted
