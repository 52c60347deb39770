/* Quicksort of n random words (up to 2 000 000), small parts by insertion; a checksum over the sorted words. */
#include "kernel.h"

static u32 items[2000000];

static void sort(u32 *low, u32 *high) {
    while (high - low > 12) {
        u32 pivot = low[(high - low) / 2], *i = low, *j = high;
        for (;;) {
            while (*i < pivot) i++;
            while (*j > pivot) j--;
            if (i >= j) break;
            u32 swapped = *i;
            *i++ = *j;
            *j-- = swapped;
        }
        if (j - low < high - j) {
            sort(low, j);
            low = j + 1;
        } else {
            sort(j + 1, high);
            high = j;
        }
    }
    for (u32 *i = low + 1; i <= high; i++) {
        u32 item = *i, *j = i;
        for (; j > low && j[-1] > item; j--) *j = j[-1];
        *j = item;
    }
}

EXPORT u32 run(u32 n) {
    random_state = 2463534242u;
    for (u32 i = 0; i < n; i++) items[i] = next_random();
    sort(items, items + n - 1);
    u32 sum = 0;
    for (u32 i = 0; i < n; i++) {
        if (i && items[i - 1] > items[i]) return 0;
        sum = mix(sum, items[i]);
    }
    return sum;
}
