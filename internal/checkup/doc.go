// Package checkup is duly doctor, and duly migrate: what is checked of a configuration, a database, gateways and receivers, and how to mend what is wrong.
package checkup
