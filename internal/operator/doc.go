// Package operator makes the changes that people ask for, each in one transaction with its record in operator_actions.
package operator
