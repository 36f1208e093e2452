// Package text makes foreign text safe to show: what gateways, shops, receivers and operators wrote. A text may hold line breaks that
// forge a line, escape sequences, runes that reorder or hide others, bytes that are no UTF-8, or 60 kB. Each edge calls it once, for
// everything that passes: [Sprintf] and [Line] for a line of text, [Screen] for the terminal, [Slack] for Slack, [Cell] for CSV,
// [Strings] for a page, [JSON] for documents and logs, [Word] for an argument of a command that is suggested.
// [Plural] and [Alike] write what many rows have in common.
//
// A text that needs no change is shown as it is. Any other is shown in double quotes with the escapes of Go and JSON (\n, \u202e),
// so that it is never taken for a text that was stored without them.
package text
