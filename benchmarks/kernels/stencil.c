/* Heat on an n × n plate (n up to 1024): fifty sweeps of the five-point stencil; the mean of the middle row. */
#include "kernel.h"

static double plates[2][1024 * 1024];

EXPORT double run(u32 n) {
    for (u32 i = 0; i < n * n; i++) plates[0][i] = plates[1][i] = i < n ? 100 : i % 7;
    for (u32 sweep = 0; sweep < 50; sweep++) {
        const double *from = plates[sweep & 1];
        double *to = plates[~sweep & 1];
        for (u32 i = 1; i < n - 1; i++)
            for (u32 j = 1; j < n - 1; j++) {
                const double *p = from + i * n + j;
                to[i * n + j] = 0.5 * p[0] + 0.125 * (p[-1] + p[1] + p[-(int)n] + p[n]);
            }
    }
    double sum = 0;
    for (u32 j = 0; j < n; j++) sum += plates[0][n / 2 * n + j];
    return sum / n;
}
