/* The product of two n × n matrices (n up to 512), by the three loops of the definition; its trace. */
#include "kernel.h"

static double a[512 * 512], b[512 * 512], c[512 * 512];

EXPORT double run(u32 n) {
    for (u32 i = 0; i < n; i++)
        for (u32 j = 0; j < n; j++) {
            a[i * n + j] = i + j * 0.5;
            b[i * n + j] = i - j * 0.25;
        }
    for (u32 i = 0; i < n; i++)
        for (u32 j = 0; j < n; j++) {
            double sum = 0;
            for (u32 k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
            c[i * n + j] = sum;
        }
    double trace = 0;
    for (u32 i = 0; i < n; i++) trace += c[i * n + i];
    return trace;
}
