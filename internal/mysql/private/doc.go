// Package private runs a database server that belongs to one data folder: it
// finds the server program, fills the folder on first use, starts the server
// on a Unix socket that only this user can reach, and ends it.
//
// # One server a folder
//
// A folder is shared by every process that starts it: the first starts the
// server, those that follow use the same one, and the last to stop ends it.
// Two advisory file locks in the folder say who is there; the kernel drops
// them with the process that held them, so a process that was killed leaves
// nothing to clean up. The server itself is looked up in the process table by
// its data folder, never by a remembered process id that may have been given
// to somebody else since.
//
// # After SIGKILL
//
// A server whose starter was killed goes on running. The next Start on the
// folder finds it and takes it over, or ends it if it does not answer. With
// Options.Tied the kernel ends the server with its starter (Linux only); that
// suits tests and demonstrations, whose folders nobody starts again.
package private
