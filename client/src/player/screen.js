// The screen: asks for a moment, draws what of it is another, and only then asks for the next.
import { qoi } from "./qoi.js";

const $ = (id) => document.getElementById(id);

const UNSEEN = "Nobody watched the screen at this time: this is how it was seen last.";
const UNSEEN_YET = "Nobody watched the screen yet at this time.";
const LOST = "What was sent at this time cannot be decoded: this is what could be seen last.";
const LOST_AT_ONCE = "What was sent at this time cannot be decoded.";

export class Screen {
  constructor(drawn) {
    this.drawn = drawn;
    this.page = Math.floor(Math.random() * 2 ** 50);
    this.canvas = $("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    // The picture without the pointer, from which it is drawn again.
    this.picture = new OffscreenCanvas(1, 1);
    this.pixels = this.picture.getContext("2d", { alpha: false });
    this.whole = true;
    this.shown = 0; // the moment that is drawn; none between a jump and its picture
    this.reach = 0; // the same, or where the jump leads
    this.jumps = 0;
    this.wanted = 0;
    this.asking = false;
    this.stamp = null;
    this.look = null;
    this.frames = 0;
  }

  /** A moment is to be seen. */
  want(at) {
    this.wanted = at;
    if (!this.asking) this.ask();
  }

  /** What comes next is somewhere else: an answer that is on its way is of another place. */
  jump(to) {
    this.jumps += 1;
    this.shown = null;
    this.reach = to;
  }

  async ask() {
    this.asking = true;
    let failed = false;
    try {
      let asked, jumps;
      do {
        [asked, jumps] = [this.wanted, this.jumps];
        const whole = this.whole ? "&whole=1" : "";
        this.whole = false;
        const answer = await fetch(`film?page=${this.page}&at=${Math.floor(asked)}${whole}`);
        if (!answer.ok) throw new Error(answer.statusText);
        this.draw(await answer.arrayBuffer());
        if (jumps === this.jumps) this.shown = this.reach = asked;
        this.drawn(asked);
        if (asked !== this.wanted) await new Promise(requestAnimationFrame);
      } while (asked !== this.wanted || jumps !== this.jumps);
    } catch {
      // The program has ended, or could not read its file: once more in a second, from the beginning.
      [failed, this.whole] = [true, true];
      await new Promise((again) => setTimeout(again, 1000));
    }
    this.asking = false;
    if (failed) this.ask();
  }

  draw(bytes) {
    const length = new DataView(bytes).getUint32(0, true);
    const told = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    let at = 4 + length;
    const take = (width, height) => {
      const data = new Uint8ClampedArray(bytes, at, width * height * 4);
      at += data.length;
      return new ImageData(data, width, height);
    };
    const unpack = (width, height) => {
      let data;
      [data, at] = qoi(new Uint8Array(bytes), at, width * height);
      return new ImageData(data, width, height);
    };
    if (told.width && (this.picture.width !== told.width || this.picture.height !== told.height)) {
      [this.picture.width, this.picture.height] = [told.width, told.height];
      [this.canvas.width, this.canvas.height] = [told.width, told.height];
    }
    // Drawing from the picture copies all of it where it was changed since: once, behind all parts.
    for (const [x, y, width, height, packed] of told.parts) {
      this.pixels.putImageData(packed ? unpack(width, height) : take(width, height), x, y);
    }
    for (const [x, y, width, height] of told.parts) {
      this.context.drawImage(this.picture, x, y, width, height, x, y, width, height);
    }
    if (told.look) this.shape(told.look, take(told.look.width, told.look.height));
    this.pointer(told.pointer);
    this.places(told);
    this.frames += told.parts.length ? 1 : 0;
  }

  shape(look, pixels) {
    this.look = look;
    this.arrow = new OffscreenCanvas(look.width, look.height);
    this.arrow.getContext("2d").putImageData(pixels, 0, 0);
  }

  /** The pointer stands there; where it stood the picture comes back. */
  pointer(place) {
    if (this.stamp) {
      const [x, y, width, height] = this.stamp;
      this.context.drawImage(this.picture, x, y, width, height, x, y, width, height);
      this.stamp = null;
    }
    if (!place || !this.look) return;
    const [x, y] = [place[0] - this.look.x, place[1] - this.look.y];
    this.context.drawImage(this.arrow, x, y);
    this.stamp = [x, y, this.look.width, this.look.height];
  }

  places(told) {
    $("curtain").hidden = told.width > 0;
    $("canvas").hidden = told.width === 0;
    $("stale").hidden = told.live || told.width === 0;
    this.say("stale", told.lost ? LOST : UNSEEN);
    this.say("curtain", told.lost ? LOST_AT_ONCE : UNSEEN_YET);
    const laser = $("laser");
    laser.toggleAttribute("hidden", !told.laser);
    if (told.laser) {
      laser.style.left = `${(100 * told.laser[0]) / told.width}%`;
      laser.style.top = `${(100 * told.laser[1]) / told.height}%`;
    }
    this.fit();
  }

  /** Only what is another, so that a screen reader says it once. */
  say(id, text) {
    if ($(id).textContent !== text) $(id).textContent = text;
  }

  /** As large as there is room, never larger than it is. */
  fit() {
    $("stage").style.setProperty("--ratio", `${this.canvas.width} / ${this.canvas.height}`);
    $("stage").style.setProperty("--width", `${this.canvas.width}px`);
  }
}
