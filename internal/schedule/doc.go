// Package schedule stays up and fires jobs at the times of their cron expressions, once for all the schedulers
// that share a database.
//
//	Expression  a cron expression in a time zone
//	Firing      one time at which a job is to run
//	Scheduler   takes firings and runs their jobs
//	Health      what a scheduler says of itself
package schedule
