// Package announce notifies the shop of charges before they are made, and says which invoices wait for that.
package announce
