// Package testdb gives each test a migrated database of its own on a real
// server.
//
// A test binary has one private server, started when the first test asks for a
// database and ended by Main:
//
//	func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }
//
// The environment variable ENGINE names the engine: "mariadb", the default, or
// "mysql". A server program that is missing fails the test; it never skips.
package testdb
