/* Thinning, erosion and dilation of masks: sketchzoo/morphology.py in C, pixel by pixel.

   Called through ctypes, so no lock of the interpreter is held meanwhile. A mask is
   `height` rows of `width` bytes, 0 or 1, without gaps; an output is as large and is written
   whole. Nothing outside of these is read or written, whatever the sizes. 1, or 0 where there
   is no memory. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Thin `mask` after Zhang and Suen. `peel` is, for both halves of a round, which of the 256
   ways to have neighbours (bit 0 the one above, then clockwise) a pixel is removed with. */
int sketchzoo_thin(const uint8_t *mask, size_t height, size_t width, const uint8_t *peel,
                   uint8_t *out)
{
    const size_t stride = width + 2, area = stride * (height + 2);
    const ptrdiff_t down = (ptrdiff_t)stride;
    uint8_t *padded = calloc(area, 1);
    size_t *inked = malloc((height * width + 1) * sizeof *inked);
    size_t *peeled = malloc((height * width + 1) * sizeof *peeled);
    const int enough = padded && inked && peeled;
    if (enough) {
        size_t count = 0;
        for (size_t row = 0; row < height; row++)
            for (size_t column = 0; column < width; column++)
                if (mask[row * width + column]) {
                    const size_t place = (row + 1) * stride + column + 1;
                    padded[place] = 1;
                    inked[count++] = place;
                }
        for (int steady = 0, step = 0; steady < 2; step = 1 - step) {
            size_t kept = 0, gone = 0;
            for (size_t index = 0; index < count; index++) {
                const uint8_t *p = padded + inked[index];
                const int code = p[-down] | p[1 - down] << 1 | p[1] << 2 | p[down + 1] << 3
                    | p[down] << 4 | p[down - 1] << 5 | p[-1] << 6 | p[-down - 1] << 7;
                const uint8_t goes = peel[step * 256 + code];
                peeled[gone] = inked[kept] = inked[index];
                gone += goes;
                kept += !goes;
            }
            /* Only now: each pixel is judged by what its neighbours were before. */
            for (size_t index = 0; index < gone; index++)
                padded[peeled[index]] = 0;
            count = kept;
            steady = gone ? 0 : steady + 1;
        }
        for (size_t row = 0; row < height; row++)
            memcpy(out + row * width, padded + (row + 1) * stride + 1, width);
    }
    free(padded);
    free(inked);
    free(peeled);
    return enough;
}

/* Leave the ink that has nothing but ink `reach` pixels around, in rows and columns. */
int sketchzoo_erode(const uint8_t *mask, size_t height, size_t width, size_t reach, uint8_t *out)
{
    /* How many pixels in a row, and above one another, are inked up to here. */
    size_t *above = calloc(width + 1, sizeof *above);
    const size_t side = 2 * reach + 1;
    if (above == NULL)
        return 0;
    memset(out, 0, height * width);
    for (size_t row = 0; row < height; row++) {
        size_t before = 0;
        for (size_t column = 0; column < width; column++) {
            before = mask[row * width + column] ? before + 1 : 0;
            if (column < 2 * reach)
                continue;
            const size_t middle = column - reach;
            above[middle] = before >= side ? above[middle] + 1 : 0;
            if (above[middle] >= side)
                out[(row - reach) * width + middle] = 1;
        }
    }
    free(above);
    return 1;
}

/* Ink all that lies at most `reach` pixels from ink, in rows and columns. */
int sketchzoo_dilate(const uint8_t *mask, size_t height, size_t width, size_t reach, uint8_t *out)
{
    uint8_t *line = malloc(width + 1); /* a row with what lies beside its ink inked */
    if (line == NULL)
        return 0;
    memset(out, 0, height * width);
    for (size_t row = 0; row < height; row++) {
        const uint8_t *from = mask + row * width;
        memcpy(line, from, width);
        for (size_t shift = 1; shift <= reach && shift < width; shift++) {
            for (size_t column = shift; column < width; column++)
                line[column] |= from[column - shift];
            for (size_t column = shift; column < width; column++)
                line[column - shift] |= from[column];
        }
        const size_t top = row > reach ? row - reach : 0;
        const size_t bottom = height - row > reach ? row + reach + 1 : height;
        for (size_t y = top; y < bottom; y++)
            for (size_t column = 0; column < width; column++)
                out[y * width + column] |= line[column];
    }
    free(line);
    return 1;
}
