// Package sample gives the subscription, invoice and attempt that tests of the billing rules begin with.
package sample
