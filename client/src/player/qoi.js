// QOI (qoiformat.org): pixels as differences to the one before, runs, and colours seen lately.

const HEADER = 14; // "qoif", width, height, channels, colour space
const END = 8;

/** The first pixels of a picture that begins at `at` of these bytes, and where it ends. */
export function qoi(bytes, at, count) {
  const pixels = new Uint32Array(count);
  const lately = new Uint32Array(64);
  let [r, g, b, a] = [0, 0, 0, 255];
  let pixel = 0xff000000;
  at += HEADER;
  for (let put = 0; put < count; ) {
    const first = bytes[at++];
    if (first >= 0xfe) {
      [r, g, b] = [bytes[at], bytes[at + 1], bytes[at + 2]];
      at += 3;
      if (first === 0xff) a = bytes[at++];
    } else if (first >= 0xc0) {
      const until = Math.min(count, put + (first & 0x3f) + 1);
      while (put < until) pixels[put++] = pixel;
      continue;
    } else if (first >= 0x80) {
      const [second, green] = [bytes[at++], (first & 0x3f) - 32];
      r = (r + green - 8 + (second >> 4)) & 0xff;
      g = (g + green) & 0xff;
      b = (b + green - 8 + (second & 0xf)) & 0xff;
    } else if (first >= 0x40) {
      r = (r + ((first >> 4) & 3) - 2) & 0xff;
      g = (g + ((first >> 2) & 3) - 2) & 0xff;
      b = (b + (first & 3) - 2) & 0xff;
    } else {
      pixel = pixels[put++] = lately[first];
      [r, g, b, a] = [pixel & 0xff, (pixel >> 8) & 0xff, (pixel >> 16) & 0xff, pixel >>> 24];
      continue;
    }
    pixel = ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
    lately[(r * 3 + g * 5 + b * 7 + a * 11) & 63] = pixel;
    pixels[put++] = pixel;
  }
  return [new Uint8ClampedArray(pixels.buffer), at + END];
}
