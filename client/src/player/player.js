// The page of a replay: one clock that screen, track and list follow.
import { Screen } from "./screen.js";
import { Track } from "./track.js";
import { List } from "./list.js";
import { SECOND, element, time, words } from "./words.js";

const $ = (id) => document.getElementById(id);
const AHEAD = 0.25; // seconds that the clock goes before the picture; then it waits
const IDLE = 3 * SECOND; // a longer rest is skipped
const BEFORE = 0.5 * SECOND; // what follows a skip is not missed

/** With a large letter. */
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

class Player {
  constructor(title) {
    this.began = title.began_us;
    this.length = Math.max(1, title.length);
    this.at = 0;
    this.read = 0;
    this.whole = false;
    this.playing = false;
    this.speed = 1;
    this.movement = [];
    this.intervals = []; // [from, to, what is known of it]
    this.seconds = 0;
    this.screen = new Screen((at) => this.drawn(at));
    this.track = new Track(this);
    this.list = new List(this);
    this.name(title.title);
    this.bind();
    $("length").textContent = words(this.length);
    const wished = /(?:^#|&)at=(\d+)/.exec(location.hash);
    this.go(wished ? Number(wished[1]) : 0);
    this.poll();
    requestAnimationFrame((now) => this.tick(now));
  }

  name(title) {
    $("subject").textContent = title.subject || "A session";
    $("people").textContent = title.people;
    document.title = `${title.subject || title.session} – Deskside replay`;
  }

  // --- what is told while the recording is read

  async poll() {
    try {
      const answer = await fetch(`state?rows=${this.list.taken}&seconds=${this.seconds}`);
      const told = await answer.json();
      this.take(told);
      const more = told.rows.length > 0 && !document.hidden;
      setTimeout(() => this.poll(), more ? 0 : this.whole ? 20000 : 300);
    } catch {
      this.progress("The program that showed this page has ended.");
      this.pause();
      setTimeout(() => this.poll(), 5000);
    }
  }

  take(told) {
    for (const digit of told.movement) this.movement.push(Number(digit));
    this.seconds += told.movement.length;
    this.list.take(told.rows);
    const grew = told.read > this.read;
    this.read = told.read;
    this.whole = told.whole;
    this.verdict(told);
    this.track.draw();
    this.track.move();
    // What is seen may be another now that more was read.
    if (grew && !this.playing) this.screen.want(this.at);
  }

  verdict({ verdict, whole, failed, dropped }) {
    if (verdict) {
      $("verdict").dataset.state = verdict.state;
      $("verdict-word").textContent = verdict.word;
      $("verdict-sentence").textContent = sentence(verdict.sentences[0]);
      const more = verdict.sentences.slice(1);
      if (!whole) more.push("What its packets say is being read.");
      if (dropped) more.push(`${dropped} things were too many to be shown here.`);
      $("verdict-more").replaceChildren(...more.map((text) => element("li", sentence(text))));
      this.intervals = verdict.intervals;
      this.track.legend();
    }
    if (failed) this.progress(`It could not be read to its end: ${failed}`);
    else this.progress(whole ? "" : `Read up to ${words(this.read)} of ${words(this.length)}`);
  }

  progress(text) {
    if ($("progress").textContent !== text) $("progress").textContent = text;
  }

  // --- the clock

  tick(now) {
    const passed = this.last === undefined ? 0 : (now - this.last) / 1000;
    this.last = now;
    if (this.playing) this.pass(passed);
    requestAnimationFrame((next) => this.tick(next));
  }

  pass(seconds) {
    let at = this.at + seconds * SECOND * this.speed;
    at = Math.min(at, this.screen.reach + AHEAD * SECOND * this.speed, this.length);
    if (!this.whole) at = Math.min(at, this.read);
    // It waits, and never goes back: not where its speed has become another either.
    at = Math.max(at, this.at);
    const skips = $("skip").checked && this.screen.shown === this.screen.wanted;
    const past = skips ? this.past(at) : at;
    if (past > at) this.go(past);
    else this.move(at);
    if (at >= this.length) this.pause();
  }

  /** Where something goes on, where nothing does for long; else the same. */
  past(at) {
    let second = Math.floor(at / SECOND);
    const busy = (this.movement[second] ?? 0) > 0;
    if (busy) return at;
    const known = this.whole ? this.length : this.read;
    while (second * SECOND < known && !(this.movement[second] > 0)) second += 1;
    const row = this.list.after(at);
    const next = Math.min(second * SECOND, row ? row.at : Infinity, known) - BEFORE;
    return next - at > IDLE ? next : at;
  }

  move(at) {
    this.at = Math.max(0, Math.min(at, this.length));
    this.screen.want(this.at);
    this.track.move();
    this.list.move(this.at);
    if (document.activeElement !== $("time")) $("time").value = words(this.at);
    const date = new Date((this.began + this.at) / 1000);
    const clock = `${date.toISOString().slice(11, 19)} UTC`;
    if ($("clock").textContent !== clock) $("clock").textContent = clock;
  }

  drawn() {
    this.track.move();
  }

  go(at) {
    this.screen.jump(Math.max(0, Math.min(at, this.length)));
    this.move(at);
  }

  play() {
    if (this.at >= this.length) this.go(0);
    this.playing = true;
    this.show();
  }

  pause() {
    this.playing = false;
    this.show();
  }

  show() {
    const [icon, word] = this.playing ? ["#i-pause", "Pause"] : ["#i-play", "Play"];
    $("play-icon").setAttribute("href", icon);
    $("play").setAttribute("aria-label", word);
    $("play").title = `${word} (Space)`;
    document.body.dataset.playing = this.playing;
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  quicker(speed) {
    this.speed = speed;
    for (const radio of document.querySelectorAll("#speeds input")) {
      radio.checked = Number(radio.value) === speed;
    }
  }

  step(row) {
    if (row) this.list.open(row, true);
  }

  // --- mouse and keyboard

  bind() {
    $("play").addEventListener("click", () => this.toggle());
    $("previous").addEventListener("click", () => this.step(this.list.before(this.at)));
    $("next").addEventListener("click", () => this.step(this.list.after(this.at)));
    $("speeds").addEventListener("change", (event) => this.quicker(Number(event.target.value)));
    $("help-button").addEventListener("click", () => $("help").showModal());
    $("time").addEventListener("change", () => this.typed());
    $("time").addEventListener("focus", () => $("time").select());
    $("time").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.typed();
      if (event.key === "Enter" || event.key === "Escape") $("time").blur();
    });
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", () => document.hidden && this.pause());
    window.addEventListener("pagehide", () => navigator.sendBeacon("gone"));
    window.addEventListener("resize", () => this.track.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.track.draw());
  }

  typed() {
    const at = time($("time").value);
    if (at !== undefined) this.go(at);
    $("time").value = words(this.at);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    if (event.key === "Escape") {
      this.list.close();
      return;
    }
    const writes = event.target.matches("input[type=text], input[type=search]");
    if (writes) return;
    // Radio buttons and check boxes keep their own keys.
    const own = event.target.matches("input, summary");
    const presses = event.target.matches("button, summary, #list button, input");
    const by = (event.shiftKey ? 60 : 5) * SECOND;
    const keys = {
      " ": presses ? undefined : () => this.toggle(),
      k: () => this.toggle(),
      ArrowLeft: own ? undefined : () => this.go(this.at - by),
      ArrowRight: own ? undefined : () => this.go(this.at + by),
      Home: own ? undefined : () => this.go(0),
      End: own ? undefined : () => this.go(this.length),
      p: () => this.step(this.list.before(this.at)),
      n: () => this.step(this.list.after(this.at)),
      i: () => $("skip").click(),
      t: () => $("time").focus(),
      "/": () => $("words").focus(),
      "?": () => $("help").showModal(),
    };
    const speed = ["1", "2", "3", "4", "5"].indexOf(event.key);
    const does = speed < 0 ? (keys[event.key] ?? keys[event.key.toLowerCase()]) : () => this.quicker(2 ** speed);
    if (!does) return;
    event.preventDefault();
    does();
  }
}

fetch("title")
  .then((answer) => answer.json())
  .then((title) => {
    window.player = new Player(title);
  })
  .catch(() => {
    $("progress").textContent = "The program that showed this page has ended.";
  });
