//go:build never

package a

import _ "duly/b"
