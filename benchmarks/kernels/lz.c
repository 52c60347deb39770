/* LZ77 with hash chains: 1000 × n bytes (up to 3 000 000) of text-like input are compressed, restored and compared;
   the compressed size mixed with a checksum. */
#include "kernel.h"

enum { MOST = 3000000, HASHES = 1 << 14, WINDOW = 1 << 15, SHORTEST = 4, LONGEST = 255 + SHORTEST, TRIES = 16 };

static u8 input[MOST + LONGEST], packed[MOST * 2], output[MOST];
static int head[HASHES], previous[WINDOW];

static u32 hashed(const u8 *p) {
    u32 word = p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
    return word * 2654435761u >> 18;
}

/* Tokens: 0, a byte; or 1, length - SHORTEST, distance as two bytes. */
static u32 compress(u32 size) {
    u8 *out = packed;
    for (u32 i = 0; i < HASHES; i++) head[i] = -WINDOW;
    for (u32 at = 0; at < size;) {
        u32 longest = 0, where = 0, limit = size - at < LONGEST ? size - at : LONGEST;
        int candidate = head[hashed(input + at)];
        for (u32 t = 0; t < TRIES && candidate >= 0 && at - candidate < WINDOW; t++) {
            u32 length = 0;
            while (length < limit && input[candidate + length] == input[at + length]) length++;
            if (length > longest) longest = length, where = candidate;
            candidate = previous[candidate % WINDOW];
        }
        u32 step = 1;
        if (longest >= SHORTEST) {
            *out++ = 1;
            *out++ = longest - SHORTEST;
            *out++ = (at - where) & 255;
            *out++ = (at - where) >> 8;
            step = longest;
        } else {
            *out++ = 0;
            *out++ = input[at];
        }
        for (; step--; at++) {
            u32 h = hashed(input + at);
            previous[at % WINDOW] = head[h];
            head[h] = at;
        }
    }
    return out - packed;
}

static u32 restore(u32 size) {
    u8 *out = output;
    for (const u8 *p = packed, *end = packed + size; p < end;)
        if (*p) {
            const u8 *from = out - (p[2] | p[3] << 8);
            for (u32 length = p[1] + SHORTEST; length--;) *out++ = *from++;
            p += 4;
        } else {
            *out++ = p[1];
            p += 2;
        }
    return out - output;
}

EXPORT u32 run(u32 n) {
    static const char words[] = "the of and to in is that it was for on are as with his they at be this from ";
    u32 size = n * 1000, at = 0, sum = 0;
    random_state = 362436069;
    while (at < size) {
        u32 r = next_random();
        const char *p = words + r % 64;
        for (u32 k = 2 + (r >> 8) % 14; k-- && at < size;) input[at++] = *p++ ? p[-1] : '.';
        if (at < size && !(r >> 28)) input[at++] = 'A' + (r >> 16) % 26;
    }
    u32 small = compress(size);
    if (restore(small) != size) return 0;
    for (u32 i = 0; i < size; i++) {
        if (input[i] != output[i]) return 0;
        sum = mix(sum, output[i]);
    }
    return mix(sum, small);
}
