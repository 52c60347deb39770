/* The first n digits of pi (up to 4000) by Rabinowitz and Wagon's spigot: division by what is not constant; a checksum
   over the digits. */
#include "kernel.h"

static u32 remainders[4000 * 10 / 3 + 2];

EXPORT u32 run(u32 n) {
    u32 length = n * 10 / 3 + 1, nines = 0, held = 0, sum = 0;
    for (u32 i = 0; i < length; i++) remainders[i] = 2;
    for (u32 digit = 0; digit <= n; digit++) {
        u32 carry = 0;
        for (u32 i = length; i > 0; i--) {
            u32 x = 10 * remainders[i - 1] + carry * i;
            remainders[i - 1] = x % (2 * i - 1);
            carry = x / (2 * i - 1);
        }
        remainders[0] = carry % 10;
        carry /= 10;
        if (carry == 9) {
            nines++;
            continue;
        }
        sum = mix(sum, held + carry / 10);
        for (; nines; nines--) sum = mix(sum, carry == 10 ? 0 : 9);
        held = carry % 10;
    }
    return mix(sum, held);
}
