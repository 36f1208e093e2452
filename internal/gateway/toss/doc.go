// Package toss is the gateway to Toss Payments, which charges billing keys.
package toss
