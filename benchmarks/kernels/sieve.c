/* The sieve of Eratosthenes, a byte for each number below n (up to 8 000 000); how many primes there are. */
#include "kernel.h"

static u8 composite[8000000];

EXPORT u32 run(u32 n) {
    u32 count = 0;
    for (u32 i = 0; i < n; i++) composite[i] = 0;
    for (u32 i = 2; i < n; i++) {
        if (composite[i]) continue;
        count++;
        for (u32 j = i * 2; j < n; j += i) composite[j] = 1;
    }
    return count;
}
