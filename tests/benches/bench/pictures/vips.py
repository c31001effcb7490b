"""Thumbnails by libvips, for `make bench`. Reads lines `SIDES COUNT PATH`, such as `400,1600 10 photo.jpg`, and answers the
processor seconds that all sides of one picture took, or `cannot`. Its own start and imports are not in them."""

import resource
import sys

import pyvips

# What was computed once would be answered from memory.
pyvips.cache_set_max(0)


def seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def thumbnails(path, sides):
    for side in sides:
        # Upright by default, and in sRGB as ours are, at the same quality, without metadata.
        small = pyvips.Image.thumbnail(path, side, height=side, size="down", output_profile="srgb")
        small.jpegsave_buffer(Q=82, keep="none")


print(".".join(str(pyvips.version(part)) for part in range(3)), flush=True)
for line in sys.stdin:
    sides, count, path = line.rstrip("\n").split(" ", 2)
    sides = [int(side) for side in sides.split(",")]
    try:
        before = seconds()
        for _ in range(int(count)):
            thumbnails(path, sides)
        print((seconds() - before) / int(count), flush=True)
    except pyvips.Error:
        print("cannot", flush=True)
