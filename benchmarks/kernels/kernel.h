/* What all kernels share.  Each exports one function, run(n), which does work that grows with n and returns a checksum
   of what it computed; called again it does the same again. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __wasm__
#define EXPORT __attribute__((export_name("run")))
#else
#define EXPORT __attribute__((visibility("default")))
#endif

static u32 random_state;

/* Marsaglia's xorshift generator. */
static inline u32 next_random(void) {
    u32 x = random_state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return random_state = x;
}

/* One step of a checksum over words. */
static inline u32 mix(u32 sum, u32 value) { return (sum << 5 | sum >> 27) ^ value; }
