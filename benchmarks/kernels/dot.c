/* Vector instructions: n dot products of 4096 floats and of 8192 16-bit numbers; their sum. */
#include "kernel.h"

#ifdef __wasm__
#include <wasm_simd128.h>
#else /* the same instructions by their x86 names */
#include <emmintrin.h>
#define v128_t __m128
#define wasm_v128_load(p) _mm_loadu_ps((const float *)(p))
#define wasm_f32x4_splat _mm_set1_ps
#define wasm_f32x4_add _mm_add_ps
#define wasm_f32x4_mul _mm_mul_ps
#define wasm_v128_store(p, v) _mm_storeu_ps((float *)(p), v)
#define wasm_i32x4_dot_i16x8(a, b) _mm_castsi128_ps(_mm_madd_epi16(_mm_castps_si128(a), _mm_castps_si128(b)))
#define wasm_i32x4_add(a, b) _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(a), _mm_castps_si128(b)))
#endif

static float x[4096], y[4096];
static short p[8192], q[8192];

EXPORT double run(u32 n) {
    random_state = 777767777;
    for (u32 i = 0; i < 4096; i++) {
        x[i] = (next_random() >> 24) * 0.25f;
        y[i] = (next_random() >> 24) * 0.5f - 60;
    }
    for (u32 i = 0; i < 8192; i++) {
        p[i] = next_random() >> 22;
        q[i] = (int)(next_random() >> 22) - 512;
    }
    double sum = 0;
    for (u32 round = 0; round < n; round++) {
        float lanes[4];
        int words[4];
        v128_t first = wasm_f32x4_splat(0), second = first, whole = first;
        for (u32 i = 0; i < 4096; i += 8) {
            first = wasm_f32x4_add(first, wasm_f32x4_mul(wasm_v128_load(x + i), wasm_v128_load(y + i)));
            second = wasm_f32x4_add(second, wasm_f32x4_mul(wasm_v128_load(x + i + 4), wasm_v128_load(y + i + 4)));
        }
        wasm_v128_store(lanes, wasm_f32x4_add(first, second));
        for (u32 i = 0; i < 8192; i += 8)
            whole = wasm_i32x4_add(whole, wasm_i32x4_dot_i16x8(wasm_v128_load(p + i), wasm_v128_load(q + i)));
        wasm_v128_store(words, whole);
        for (u32 k = 0; k < 4; k++) sum += lanes[k] + words[k];
        x[round % 4096] += 1;
        p[round % 8192] ^= 1;
    }
    return sum;
}
