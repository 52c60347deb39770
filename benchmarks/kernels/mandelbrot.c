/* The Mandelbrot set on n × n points, at most 100 iterations each; the sum of the iterations. */
#include "kernel.h"

EXPORT u32 run(u32 n) {
    u32 sum = 0;
    for (u32 row = 0; row < n; row++)
        for (u32 column = 0; column < n; column++) {
            double cx = 3.0 * column / n - 2, cy = 2.0 * row / n - 1, x = 0, y = 0;
            u32 i = 0;
            while (i < 100 && x * x + y * y <= 4) {
                double next = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = next;
                i++;
            }
            sum += i;
        }
    return sum;
}
