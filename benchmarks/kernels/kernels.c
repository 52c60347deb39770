/* The kernels of benchmarks/interp.py: each returns a checksum that the benchmark compares with plain Python's.
   Built by benchmarks/kernels/build.py; no library is used. */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name)))

EXPORT(fib) u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static double a[64][64], b[64][64], c[64][64];

EXPORT(matrix) double matrix(u32 n) {
    for (u32 i = 0; i < n; i++)
        for (u32 j = 0; j < n; j++) {
            a[i][j] = i + j * 0.5;
            b[i][j] = i - j * 0.25;
        }
    for (u32 i = 0; i < n; i++)
        for (u32 j = 0; j < n; j++) {
            double sum = 0;
            for (u32 k = 0; k < n; k++) sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    double trace = 0;
    for (u32 i = 0; i < n; i++) trace += c[i][i];
    return trace;
}

static u8 composite[1 << 20];

EXPORT(sieve) u32 sieve(u32 limit) {
    u32 count = 0;
    for (u32 i = 0; i < limit; i++) composite[i] = 0;
    for (u32 i = 2; i < limit; i++) {
        if (composite[i]) continue;
        count++;
        for (u32 j = i * 2; j < limit; j += i) composite[j] = 1;
    }
    return count;
}

static const u32 K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static u8 message[1 << 16];

static u32 rotated(u32 x, u32 n) { return x >> n | x << (32 - n); }

/* SHA-256 of `length` bytes i * 7 (a multiple of 64); the first word of the digest. */
EXPORT(sha256) u32 sha256(u32 length) {
    u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (u32 i = 0; i < length; i++) message[i] = i * 7;
    message[length] = 0x80;
    for (u32 i = 1; i < 56; i++) message[length + i] = 0;
    for (u32 i = 0; i < 8; i++) message[length + 56 + i] = (u64)length * 8 >> (56 - 8 * i);
    for (u32 block = 0; block <= length; block += 64) {
        u32 w[64];
        const u8 *p = message + block;
        for (u32 i = 0; i < 16; i++) w[i] = (u32)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
        for (u32 i = 16; i < 64; i++) {
            u32 s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
            u32 s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        u32 v[8];
        for (u32 i = 0; i < 8; i++) v[i] = h[i];
        for (u32 i = 0; i < 64; i++) {
            u32 s1 = rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25);
            u32 t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
            u32 s0 = rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22);
            u32 t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            for (u32 k = 7; k > 0; k--) v[k] = v[k - 1];
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (u32 i = 0; i < 8; i++) h[i] += v[i];
    }
    return h[0];
}

static u8 text[1 << 16];

/* FNV-1a of 64 bits over `length` letters, three times over; both halves of the result added. */
EXPORT(hash) u32 hash(u32 length) {
    for (u32 i = 0; i < length; i++) text[i] = 'a' + i % 26;
    u64 h = 0xcbf29ce484222325;
    for (u32 round = 0; round < 3; round++)
        for (const u8 *p = text; p < text + length; p++) h = (h ^ *p) * 0x100000001b3;
    return (u32)h + (u32)(h >> 32);
}
