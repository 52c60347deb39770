/* What fib.wat is compared with. */
#include "kernel.h"

EXPORT u32 run(u32 n) { return n < 2 ? n : run(n - 1) + run(n - 2); }
