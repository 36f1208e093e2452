// Package inspect answers what people and programs ask without changing anything: show, list, status and runs.
package inspect
