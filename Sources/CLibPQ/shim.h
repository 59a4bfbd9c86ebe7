// libpq 15 as Swift sees it: the documented API of libpq-fe.h, nothing private.
#include <libpq-fe.h>
