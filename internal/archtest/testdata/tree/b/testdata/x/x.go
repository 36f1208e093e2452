package x

import _ "duly/z"
