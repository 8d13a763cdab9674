/* Ink, counted, thinned and drawn: what sketchzoo/ink.py and morphology.py do, in C, pixel by pixel.

   Called through ctypes, so no lock of the interpreter is held meanwhile. A picture is `height`
   rows of `width` bytes without gaps, in a mask each is 0 or 1; an output is written whole.
   Nothing outside of these is read or written, whatever the sizes. Functions return 1, or 0
   where there is no memory. */

#include <math.h>
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
static int erode(const uint8_t *mask, size_t height, size_t width, size_t reach, uint8_t *out)
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

/* Lay a mask's lines, and the patches that are wider than its strokes, into the middle of a
   square of `side` pixels, which the mask must not be larger than. */
int sketchzoo_trace(const uint8_t *mask, size_t height, size_t width, const uint8_t *peel,
                    size_t side, uint8_t *out)
{
    const size_t area = height * width;
    uint8_t *lines = malloc(area + 1), *patches = malloc(area + 1);
    int enough = lines && patches && sketchzoo_thin(mask, height, width, peel, lines);
    if (enough) {
        size_t inked = 0, length = 0;
        for (size_t place = 0; place < area; place++) {
            inked += mask[place];
            length += lines[place];
        }
        /* Half a stroke's width, in whole pixels; what lies between two goes to the even one. */
        const size_t strokes = length ? 2 * length : 2;
        size_t reach = inked / strokes;
        const size_t left_over = 2 * (inked % strokes);
        reach += left_over > strokes || (left_over == strokes && reach % 2);
        enough = erode(mask, height, width, reach, patches);
    }
    if (enough) {
        uint8_t *corner = out + (side - height) / 2 * side + (side - width) / 2;
        memset(out, 0, side * side);
        for (size_t row = 0; row < height; row++)
            for (size_t column = 0; column < width; column++)
                corner[row * side + column] =
                    lines[row * width + column] | patches[row * width + column];
    }
    free(lines);
    free(patches);
    return enough;
}

/* Draw a mask's ink with a square pen: 0 on 255 where ink lies at most `reach` pixels away, in
   rows and columns. */
int sketchzoo_draw(const uint8_t *mask, size_t height, size_t width, size_t reach, uint8_t *out)
{
    uint8_t *line = malloc(width + 1); /* a row with what lies beside its ink inked */
    if (line == NULL)
        return 0;
    memset(out, 255, height * width);
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
                out[y * width + column] &= (uint8_t)(line[column] - 1); /* 1 - 1 is 0, 0 - 1 is 255 */
    }
    free(line);
    return 1;
}

/* Tell ink from a ground whose greys differ by less than `clean`: write how much of it each
   pixel holds, 128 and more is ink, and into `box` the columns and rows around all ink, left,
   top, right and bottom, or four times 0. Returns 1, or 0 and nothing is written where there is
   no pixel or the ground is not so clean. */
int sketchzoo_ink(const uint8_t *grey, size_t height, size_t width, size_t clean, uint8_t *out,
                  size_t *box)
{
    const size_t area = height * width;
    size_t greys[256] = {0}, edge[256] = {0}, counts[4][256] = {{0}};
    if (area == 0)
        return 0;
    /* Four counts in turn: the same grey often follows itself, and would wait for its count. */
    for (size_t place = 0; place < area; place++)
        counts[place % 4][grey[place]]++;
    for (int value = 0; value < 256; value++)
        greys[value] = counts[0][value] + counts[1][value] + counts[2][value] + counts[3][value];
    size_t first = 0, last = 255;
    while (!greys[first])
        first++;
    while (!greys[last])
        last--;
    size_t middle = (first + last) / 2, dark = 0;
    for (size_t value = 0; value < middle; value++)
        dark += greys[value];
    /* More dark than light is white on black, unless the edges are light: then it is much ink. */
    int chalk = 0;
    if (2 * dark > area) {
        for (size_t column = 0; column < width; column++) {
            edge[grey[column]]++;
            edge[grey[area - width + column]]++;
        }
        for (size_t row = 0; row < height; row++) {
            edge[grey[row * width]]++;
            edge[grey[row * width + width - 1]]++;
        }
        /* The two in the middle of an even number: their mean is the median. */
        size_t lower = 0, upper = 0, below = edge[0];
        while (below < width + height)
            below += edge[++lower];
        for (upper = lower; below < width + height + 1;)
            below += edge[++upper];
        chalk = lower + upper < 2 * middle;
    }
    if (chalk) {
        middle = 255 - middle;
        for (int value = 0; value < 128; value++) {
            const size_t other = greys[255 - value];
            greys[255 - value] = greys[value];
            greys[value] = other;
        }
    }
    /* Where do a quarter, half and 95 in a hundred of the ground end? */
    size_t ground = 0, passed = 0, low = 256, level = 256, high = 256;
    for (size_t value = middle; value < 256; value++)
        ground += greys[value];
    for (size_t value = 256; value-- > middle; ) {
        /* From the top, so that the least that passes stays. */
        const double so_far = (double)(ground - passed);
        if (so_far >= (double)ground * 0.25)
            low = value;
        if (so_far >= (double)ground * 0.5)
            level = value;
        if (so_far >= (double)ground * 0.95)
            high = value;
        passed += greys[value];
    }
    if (high - low >= clean)
        return 0;
    /* The darkest 0.2 % are surely ink, if there is any. */
    size_t peak = 0, no_darker = 0;
    for (size_t value = level; value < 256; value++)
        no_darker += greys[value];
    while ((double)no_darker < (double)area * 0.998)
        no_darker += greys[level - ++peak];
    const double third = (double)(peak ? peak : 1) / 3;
    const double gain = 128 / (third > 8 ? third : 8);
    uint8_t table[256];
    for (size_t value = 0; value < 256; value++) {
        const size_t shown = chalk ? 255 - value : value;
        const double scaled = rint((double)(shown < level ? level - shown : 0) * gain);
        table[value] = scaled < 255 ? (uint8_t)scaled : 255;
    }
    size_t left = width, top = height, right = 0, bottom = 0;
    for (size_t row = 0; row < height; row++) {
        const uint8_t *from = grey + row * width;
        uint8_t *to = out + row * width;
        for (size_t column = 0; column < width; column++)
            to[column] = table[from[column]];
        size_t begin = 0, end = width;
        while (begin < width && to[begin] < 128)
            begin++;
        while (end > begin && to[end - 1] < 128)
            end--;
        if (begin == end)
            continue;
        left = begin < left ? begin : left;
        right = end > right ? end : right;
        top = row < top ? row : top;
        bottom = row + 1;
    }
    box[0] = bottom ? left : 0;
    box[1] = bottom ? top : 0;
    box[2] = right;
    box[3] = bottom;
    return 1;
}
