/* n random words, counted in a hash table by their FNV-1a hash; a checksum over the counts. */
#include "kernel.h"

enum { BUCKETS = 1 << 14, LONGEST = 12 };

struct entry {
    u32 hash, count, length;
    char word[LONGEST];
};

static struct entry table[BUCKETS];

EXPORT u32 run(u32 n) {
    for (u32 i = 0; i < BUCKETS; i++) table[i].count = 0;
    random_state = 123456789;
    u32 distinct = 0, sum = 0;
    for (u32 i = 0; i < n; i++) {
        char word[LONGEST];
        u32 length = 0, r = next_random() % 10007;
        do
            word[length++] = "etaoinshrdlucmfwypvbgkjqxz"[r % 26];
        while ((r /= 7));
        u32 h = 0x811c9dc5;
        for (u32 k = 0; k < length; k++) h = (h ^ (u8)word[k]) * 0x01000193;
        u32 at = h % BUCKETS;
        for (;; at = (at + 1) % BUCKETS) {
            struct entry *e = &table[at];
            if (!e->count) {
                e->hash = h, e->length = length, e->count = 1;
                for (u32 k = 0; k < length; k++) e->word[k] = word[k];
                distinct++;
                break;
            }
            if (e->hash != h || e->length != length) continue;
            u32 k = 0;
            while (k < length && e->word[k] == word[k]) k++;
            if (k == length) {
                e->count++;
                break;
            }
        }
        sum = mix(sum, at);
    }
    return sum + distinct;
}
