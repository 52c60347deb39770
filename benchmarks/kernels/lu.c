/* LU decomposition with row pivots of an n × n matrix (n up to 720), and a solution by it; the sum of the solution. */
#include "kernel.h"

static double a[720][720], x[720];

static double size(double d) { return d < 0 ? -d : d; }

EXPORT double run(u32 n) {
    random_state = 5783321;
    for (u32 i = 0; i < n; i++) {
        for (u32 j = 0; j < n; j++) a[i][j] = (int)(next_random() >> 8) / 16777216.0 - 0.5;
        x[i] = i + 1;
    }
    for (u32 k = 0; k < n; k++) {
        u32 pivot = k;
        for (u32 i = k + 1; i < n; i++)
            if (size(a[i][k]) > size(a[pivot][k])) pivot = i;
        for (u32 j = 0; j < n; j++) {
            double swapped = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = swapped;
        }
        double swapped = x[k];
        x[k] = x[pivot];
        x[pivot] = swapped;
        for (u32 i = k + 1; i < n; i++) {
            double factor = a[i][k] /= a[k][k];
            for (u32 j = k + 1; j < n; j++) a[i][j] -= factor * a[k][j];
            x[i] -= factor * x[k];
        }
    }
    double sum = 0;
    for (u32 i = n; i-- > 0;) {
        for (u32 j = i + 1; j < n; j++) x[i] -= a[i][j] * x[j];
        x[i] /= a[i][i];
        sum += x[i];
    }
    return sum;
}
