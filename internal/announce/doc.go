// Package announce notifies the shop of charges before they are made, and counts the invoices that wait for a notice.
package announce
