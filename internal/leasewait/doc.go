// Package leasewait waits for the leases of runs that own what is left to do, and says whose claims are not free.
package leasewait
