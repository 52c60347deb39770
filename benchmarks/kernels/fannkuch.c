/* All permutations of n elements (up to 12): how often a prefix, as long as its first element says, can be turned
   around until the first element is the first; 1000 × the largest number and an alternating sum. */
#include "kernel.h"

EXPORT u32 run(u32 n) {
    u32 p[16], work[16], count[16];
    u32 most = 0, sum = 0, parity = 0, r = n;
    for (u32 i = 0; i < n; i++) p[i] = i;
    for (;;) {
        for (; r > 1; r--) count[r - 1] = r;
        for (u32 i = 0; i < n; i++) work[i] = p[i];
        u32 flips = 0;
        for (u32 first; (first = work[0]); flips++)
            for (u32 low = 0, high = first; low < high; low++, high--) {
                u32 swapped = work[low];
                work[low] = work[high];
                work[high] = swapped;
            }
        if (flips > most) most = flips;
        sum += parity ? -flips : flips;
        for (;; r++) {
            if (r == n) return most * 1000 + sum;
            u32 first = p[0];
            for (u32 i = 0; i < r; i++) p[i] = p[i + 1];
            p[r] = first;
            if (--count[r] > 0) break;
        }
        parity ^= 1;
    }
}
