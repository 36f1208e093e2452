// Package archtest holds the table of who may import whom. The linter repeats
// it line by line; this test also follows the imports through other packages
// and refuses a package that the table does not know.
package archtest
