// Package explain answers why a subscription or an invoice was charged or not, in words for operators, by the rules that decide it.
package explain
