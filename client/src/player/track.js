// The track: one line of time with everything on it.
import { words } from "./player.js";

const $ = (id) => document.getElementById(id);
const LANES = ["consent", "command", "file", "chat", "input"];
/** In which lane a kind stands. */
const LANE = { consent: 0, session: 0, command: 1, file: 2, chat: 3, clipboard: 3, input: 4, screen: 4 };
const TOP = 26; // pixels of the screen's movement, above the lanes
const ROOM = 7; // pixels of a lane

export class Track {
  constructor(player) {
    this.player = player;
    this.canvas = $("marks");
    const track = $("track");
    track.addEventListener("pointerdown", (event) => {
      track.setPointerCapture(event.pointerId);
      this.held = true;
      this.point(event);
    });
    track.addEventListener("pointermove", (event) => {
      this.hover(event);
      if (this.held) this.point(event);
    });
    for (const over of ["pointerup", "pointercancel"]) {
      track.addEventListener(over, () => (this.held = false));
    }
    track.addEventListener("pointerleave", () => ($("hover").hidden = true));
  }

  /** The time under the mouse. */
  under(event) {
    const box = $("track").getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.player.length;
  }

  point(event) {
    this.player.go(this.under(event));
  }

  hover(event) {
    const at = this.under(event);
    const near = this.player.list.near(at, (this.player.length / $("track").clientWidth) * 4);
    const hover = $("hover");
    hover.hidden = false;
    hover.textContent = near ? `${words(near.at)}  ${near.title}` : words(at);
    hover.style.left = `${(100 * at) / this.player.length}%`;
    hover.dataset.side = at > this.player.length / 2 ? "left" : "right";
  }

  move() {
    const { at, length } = this.player;
    $("head").style.left = `${(100 * at) / length}%`;
    const track = $("track");
    track.setAttribute("aria-valuemax", Math.floor(length / 1e6));
    track.setAttribute("aria-valuenow", Math.floor(at / 1e6));
    track.setAttribute("aria-valuetext", words(at));
  }

  draw() {
    const { length, read, movement, list } = this.player;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const fine = devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [width * fine, height * fine];
    const on = this.canvas.getContext("2d");
    on.scale(fine, fine);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const x = (at) => (at / length) * width;
    on.fillStyle = colour("sunk");
    on.fillRect(0, 0, width, height);
    this.movement(on, movement, x, colour("moved"));
    on.strokeStyle = colour("rule");
    LANES.forEach((_, lane) => {
      const y = Math.round(TOP + lane * ROOM + ROOM / 2) + 0.5;
      on.beginPath();
      on.moveTo(0, y);
      on.lineTo(width, y);
      on.stroke();
    });
    for (const row of list.rows) this.mark(on, row, x, colour, height);
    // What was not read yet.
    on.fillStyle = colour("veil");
    on.fillRect(x(read), 0, width - x(read), height);
  }

  movement(on, movement, x, colour) {
    on.fillStyle = colour;
    movement.forEach((count, second) => {
      if (count === 0) return;
      const tall = 4 + (Math.log2(count + 1) / Math.log2(10)) * (TOP - 8);
      on.fillRect(x(second * 1e6), TOP - 2 - tall, Math.max(1, x(1e6)), tall);
    });
  }

  mark(on, row, x, colour, height) {
    if (row.kind === "gap" || row.kind === "masked" || row.kind === "trouble") {
      const from = x(row.since ?? row.at);
      const wide = Math.max(2, x(row.end?.at ?? row.at) - from);
      on.fillStyle = colour(row.kind);
      on.globalAlpha = row.kind === "trouble" ? 0.9 : 0.35;
      on.fillRect(from, 0, wide, height);
      on.globalAlpha = 1;
      return;
    }
    const lane = LANE[row.kind] ?? 4;
    const from = x(row.at);
    const until = row.until ?? row.end?.at ?? row.at;
    on.fillStyle = row.end?.well === false ? colour("trouble") : colour(row.kind);
    on.fillRect(from, TOP + lane * ROOM + 1, Math.max(3, x(until) - from), ROOM - 2);
  }
}
