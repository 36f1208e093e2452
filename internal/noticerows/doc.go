// Package noticerows reads the notices before charges, for claims, forecasts and the notices job.
package noticerows
