// Package noticerows reads the notices that were written before charges, for claims, forecasts and the job that writes notices.
package noticerows
