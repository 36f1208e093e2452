package other

import _ "duly/z"
