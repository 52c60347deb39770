/* Heap sort of n records (up to 500 000) by three orders in turn, each given as a function pointer. */
#include "kernel.h"

struct record {
    u32 key, weight;
    double value;
};

typedef int (*order)(const struct record *, const struct record *);

static int by_key(const struct record *a, const struct record *b) { return a->key < b->key ? -1 : a->key > b->key; }
static int by_weight(const struct record *a, const struct record *b) { return (int)a->weight - (int)b->weight; }
static int by_value(const struct record *a, const struct record *b) { return a->value < b->value ? -1 : a->value > b->value; }

static struct record records[500000];

static void sift(u32 root, u32 end, order compare) {
    struct record item = records[root];
    for (u32 child; (child = 2 * root + 1) < end; root = child) {
        if (child + 1 < end && compare(&records[child], &records[child + 1]) < 0) child++;
        if (compare(&item, &records[child]) >= 0) break;
        records[root] = records[child];
    }
    records[root] = item;
}

EXPORT u32 run(u32 n) {
    static const order orders[3] = {by_key, by_weight, by_value};
    random_state = 88172645;
    for (u32 i = 0; i < n; i++) {
        records[i].key = next_random();
        records[i].weight = next_random() >> 12;
        records[i].value = next_random() * 0.001;
    }
    u32 sum = 0;
    for (u32 which = 0; which < 3; which++) {
        order volatile chosen = orders[which]; /* so that no compiler puts the order in place */
        for (u32 i = n / 2; i-- > 0;) sift(i, n, chosen);
        for (u32 end = n; --end > 0;) {
            struct record swapped = records[0];
            records[0] = records[end];
            records[end] = swapped;
            sift(0, end, chosen);
        }
        for (u32 i = 0; i < n; i += 7) sum = mix(sum, records[i].key);
    }
    return sum;
}
