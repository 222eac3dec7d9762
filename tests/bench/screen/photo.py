#!/usr/bin/env python3
"""A photo that fills the screen: how long until all of it is seen, and until it is exact.

The barcode of screen_bench.py is a small part of the picture and may come before the rest of it, so that
its age says little of a photo. Here 216 points of the technician's screen are looked at instead: a photo
is seen when each is as bright as it should be to within 40 of 255, and exact when each is equal.

usage: photo.py SCREEN_BENCH_FOLDER [--link "LINKEMU OPTIONS"] [--photos N] [--reps R]
DS and SCREEN_DIR as for `run`. Prints one JSON object a line, then the medians.
"""
import argparse, os, statistics, time

import numpy as np

import beside

ROWS, COLUMNS = 9, 24
NEAR = 40
PATIENCE = 10.0
PAUSE = 3.0


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--link")
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--reps", type=int, default=3)
    return parser.parse_args()


def rows_of(root, x, y, width, height):
    """The green of points in some rows of a screen."""
    from Xlib import X
    step, across = height // ROWS, width // COLUMNS
    lines = []
    for row in range(ROWS):
        data = root.get_image(x, y + step // 2 + row * step, width, 1, X.ZPixmap, 0xffffffff).data
        lines.append(np.frombuffer(data, np.uint8)[1::4][across // 2::across][:COLUMNS].astype(int))
    return np.array(lines)


def shown(session, options):
    """Milliseconds until each photo was seen, and until it was exact."""
    from Xlib import X, display
    from PIL import Image
    import workload
    os.environ["DISPLAY"] = session.shared
    width, height = workload.W, workload.H
    desk = display.Display(session.shared)
    root, gc = desk.screen().root, desk.screen().root.create_gc()
    window = root.create_window(0, 0, width, height, 0, desk.screen().root_depth, X.InputOutput, X.CopyFromParent,
                                override_redirect=True)
    window.map()
    glass = session.sb.Glass(session.own, 200)
    glass.locate()
    seen, exact = [], []
    for name in (workload.PHOTOS * options.photos)[:options.photos]:
        picture = Image.open(f"{workload.PHOTO_DIR}/{name}.jpg").convert("RGB").resize((width, height), Image.LANCZOS)
        pixmap = window.create_pixmap(width, height, desk.screen().root_depth)
        data = workload.zpix(picture)
        band = 32
        for top in range(0, height, band):
            lines = min(band, height - top)
            pixmap.put_image(gc, 0, top, width, lines, X.ZPixmap, desk.screen().root_depth, 0,
                             data[top * width * 4:(top + lines) * width * 4])
        desk.sync()
        time.sleep(PAUSE)
        window.copy_area(gc, pixmap, 0, 0, width, height, 0, 0)
        began = time.monotonic()
        desk.sync()
        wanted = rows_of(root, 0, 0, width, height)
        near = None
        while time.monotonic() < began + PATIENCE:
            apart = np.abs(rows_of(glass.root, *glass.pos, width, height) - wanted).max()
            now = (time.monotonic() - began) * 1e3
            if near is None and apart <= NEAR:
                near = now
            if apart == 0:
                seen.append(near)
                exact.append(now)
                break
            time.sleep(0.002)
        else:
            raise SystemExit(f"{name} is not exact after {PATIENCE:.0f} s")
        pixmap.free()
    window.destroy()
    desk.sync()
    return {"seen_ms": beside.percentile(seen, 0.5), "seen_most_ms": max(seen), "exact_ms": beside.percentile(exact, 0.5)}


def main():
    every = beside.repeated(arguments(), shown)
    print("photo  " + "  ".join(f"{name} {statistics.median(one[name] for one in every):.1f}" for name in every[0]))


if __name__ == "__main__":
    main()
