package billing_test

// none is the date that means no date, for tables.
const none = ""
