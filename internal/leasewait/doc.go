// Package leasewait waits for the leases of other runs that own the remaining work, and names the runs whose claims are not free.
package leasewait
