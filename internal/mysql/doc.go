// Package mysql talks to MySQL 8+ and MariaDB 10.11+: connections with the session settings that duly
// relies on, transactions that repeat after a deadlock, what an error means, the repository of runs, and the
// start-up checks.
package mysql
