// The track: one line of time with everything on it.
import { element, words } from "./words.js";

const $ = (id) => document.getElementById(id);
const LANES = ["consent", "command", "file", "chat", "input"];
/** In which lane a kind stands. */
const LANE = { consent: 0, session: 0, command: 1, file: 2, chat: 3, clipboard: 3, input: 4, screen: 4 };
const TOP = 26; // pixels of the screen's movement, above the lanes
const ROOM = 7; // pixels of a lane
const FOOT = 6; // pixels at the foot, where it stands what is proven
/** What is known of a time, in words. */
const PROOF = {
  proven: "proven by both ends",
  consistent: "consistent, not stated by both ends",
  disputed: "disputed",
};

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
    const known = this.foot(event) ? this.known(at) : undefined;
    if (known) hover.textContent = `${words(known[0], true)} to ${words(known[1], true)}  ${PROOF[known[2]]}`;
    else hover.textContent = near ? `${words(near.at)}  ${near.title}` : words(at);
    hover.style.left = `${(100 * at) / this.player.length}%`;
    hover.dataset.side = at > this.player.length / 2 ? "left" : "right";
  }

  /** Whether the mouse is at the foot. */
  foot(event) {
    return event.clientY > $("track").getBoundingClientRect().bottom - FOOT - 3;
  }

  /** What is known of a time. Of two that meet there the later one. */
  known(at) {
    return this.player.intervals.findLast(([from, to]) => from <= at && at <= to);
  }

  /** What the foot has, in words. */
  legend() {
    const there = new Set(this.player.intervals.map(([, , word]) => word));
    const told = Object.keys(PROOF).filter((word) => there.has(word));
    $("proof").hidden = told.length === 0;
    $("proof").replaceChildren(...told.map((word) => element("li", PROOF[word], word)));
  }

  move() {
    const { at, length } = this.player;
    $("head").style.left = `${(100 * at) / length}%`;
    const track = $("track");
    track.setAttribute("aria-valuemax", Math.floor(length / 1e6));
    track.setAttribute("aria-valuenow", Math.floor(at / 1e6));
    const known = this.known(at);
    track.setAttribute("aria-valuetext", known ? `${words(at)}, ${PROOF[known[2]]}` : words(at));
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
    this.proof(on, x, colour, height);
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

  /** Full where it is proven, thin where it is not, and hatched where it is disputed. */
  proof(on, x, colour, height) {
    const top = height - FOOT;
    const tones = { proven: "good", consistent: "wait", disputed: "trouble" };
    for (const [from, to, word] of this.player.intervals) {
      const [left, wide] = [x(from), Math.max(2, x(to) - x(from))];
      on.fillStyle = colour(tones[word]);
      if (word === "consistent") on.fillRect(left, top + 2, wide, 2);
      else on.fillRect(left, top, wide, FOOT - 1);
      if (word !== "disputed") continue;
      on.fillStyle = colour("paper");
      for (let at = left + 3; at < left + wide - 1; at += 6) on.fillRect(at, top, 2, FOOT - 1);
    }
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
