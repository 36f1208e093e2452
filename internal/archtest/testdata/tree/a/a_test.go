package a

import _ "duly/z"
