/* The largest eigenvalue's square root of A transposed times A, A[i][j] = 1 / ((i+j)(i+j+1)/2 + i + 1), by ten rounds
   of the power method on n elements (up to 2048). */
#include "kernel.h"

static double u[2048], v[2048], between[2048];

static double element(u32 i, u32 j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void times(u32 n, const double *in, double *out) {
    for (u32 i = 0; i < n; i++) {
        double sum = 0;
        for (u32 j = 0; j < n; j++) sum += element(i, j) * in[j];
        out[i] = sum;
    }
}

static void transposed_times(u32 n, const double *in, double *out) {
    for (u32 i = 0; i < n; i++) {
        double sum = 0;
        for (u32 j = 0; j < n; j++) sum += element(j, i) * in[j];
        out[i] = sum;
    }
}

EXPORT double run(u32 n) {
    for (u32 i = 0; i < n; i++) u[i] = 1;
    for (u32 round = 0; round < 10; round++) {
        times(n, u, between);
        transposed_times(n, between, v);
        times(n, v, between);
        transposed_times(n, between, u);
    }
    double uv = 0, vv = 0;
    for (u32 i = 0; i < n; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    return __builtin_sqrt(uv / vv);
}
