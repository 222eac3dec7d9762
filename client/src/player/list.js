// The list: what happened, in the order of time, with its filters, its search and its details.
import { element, words } from "./words.js";

const $ = (id) => document.getElementById(id);
const KINDS = [
  ["consent", "Consent"],
  ["command", "Commands"],
  ["file", "Files"],
  ["chat", "Chat"],
  ["clipboard", "Clipboard"],
  ["input", "Input"],
  ["screen", "Screen"],
  ["session", "Session"],
  ["trouble", "Trouble"],
];
const WHO = { technician: "Technician", user: "User" };
const SHOWN = 400; // rows that are in the document at once

export class List {
  constructor(player) {
    this.player = player;
    this.taken = 0; // of what the program told
    this.rows = []; // by time
    this.by = new Map(); // by number
    this.off = new Set();
    this.hits = null;
    this.now = -1;
    this.list = $("list");
    this.filters();
    $("search").addEventListener("submit", (event) => event.preventDefault());
    $("words").addEventListener("input", () => this.search());
    $("words").addEventListener("keydown", (event) => this.words(event));
    $("detail-close").addEventListener("click", () => this.close());
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("li")?.row;
      if (row) this.open(row, true);
    });
    this.list.addEventListener("keydown", (event) => this.arrows(event));
    this.list.addEventListener("scroll", () => this.scrolled());
  }

  // --- rows

  take(told) {
    if (told.length === 0) return;
    this.taken += told.length;
    for (const row of told) {
      if (row.of === undefined) this.insert(row);
      else if (this.by.has(row.of)) this.by.get(row.of).end = row;
    }
    this.show();
    if (this.opened) this.facts(this.opened);
  }

  /** Nearly in order: looks from the end. */
  insert(row) {
    this.by.set(row.n, row);
    let at = this.rows.length;
    while (at > 0 && this.rows[at - 1].at > row.at) at -= 1;
    this.rows.splice(at, 0, row);
  }

  isOn(row) {
    const filter = { gap: "session", masked: "input" }[row.kind] ?? row.kind;
    return !this.off.has(filter);
  }

  after(at) {
    return this.rows.find((row) => row.at > at + 1 && this.isOn(row));
  }

  before(at) {
    return this.rows.findLast((row) => row.at < at - 1 && this.isOn(row));
  }

  near(at, by) {
    return this.rows.find((row) => Math.abs(row.at - at) < by && this.isOn(row));
  }

  filters() {
    for (const [kind, name] of KINDS) {
      const button = element("button", undefined, "chip");
      button.append(this.icon(kind), element("span", name));
      button.setAttribute("aria-pressed", "true");
      button.dataset.kind = kind;
      button.addEventListener("click", () => {
        const on = this.off.delete(kind);
        if (!on) this.off.add(kind);
        button.setAttribute("aria-pressed", String(on));
        this.show();
      });
      $("filters").append(button);
    }
  }

  icon(kind) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#i-${kind}`);
    svg.append(use);
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", `icon ${kind}`);
    return svg;
  }

  /** What is in the document: hits where something is looked for, else the rows that are wanted. */
  show() {
    this.wanted = this.hits ?? this.rows.filter((row) => this.isOn(row));
    this.first = Math.max(0, Math.min(this.first ?? 0, this.wanted.length - SHOWN));
    this.render();
    $("nothing").hidden = this.wanted.length > 0 || !this.player.whole;
    this.now = -1;
    this.move(this.player.at);
  }

  render() {
    const top = this.list.scrollTop;
    const shown = this.wanted.slice(this.first, this.first + SHOWN);
    this.list.replaceChildren(...shown.map((row) => this.item(row)));
    this.list.scrollTop = top;
  }

  /** Near an end of what is in the document more of the rows come into it. */
  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.list;
    const step = SHOWN / 2;
    if (scrollHeight - scrollTop - clientHeight < 80 && this.first + SHOWN < this.wanted.length) {
      this.shift(step);
    } else if (scrollTop < 80 && this.first > 0) {
      this.shift(-step);
    }
  }

  shift(by) {
    const first = Math.max(0, Math.min(this.first + by, this.wanted.length - SHOWN));
    const kept = this.wanted[by > 0 ? this.first + SHOWN - 1 : this.first];
    const before = this.element(kept)?.offsetTop - this.list.scrollTop;
    this.first = first;
    this.render();
    const after = this.element(kept)?.offsetTop;
    if (after !== undefined) this.list.scrollTop = after - before;
  }

  element(row) {
    return this.list.children[this.wanted.indexOf(row) - this.first];
  }

  item(row) {
    const item = element("li");
    item.row = row;
    item.dataset.kind = row.kind;
    const button = element("button");
    const text = element("span", undefined, "what");
    text.append(element("span", row.title, row.kind === "command" ? "title mono" : "title"));
    const by = row.kind === "gap" || row.kind === "session" || row.hit ? "" : (WHO[row.who] ?? "");
    const under = element("span", undefined, "under");
    if (by) under.append(element("span", by));
    if (row.end) under.append(this.end(row.end));
    else if (row.kind === "gap") under.append(element("span", `for ${words(row.at - row.since, true)}`));
    if (under.children.length) text.append(under);
    button.append(element("time", words(row.at)), this.icon(row.kind), text);
    item.append(button);
    return item;
  }

  end(end) {
    const kind = end.well === true ? "well" : end.well === false ? "ill" : "unknown";
    return element("span", end.words, `end ${kind}`);
  }

  /** Marks the row of the moment. */
  move(at) {
    if (!this.wanted || this.hits) return;
    let [low, high] = [0, this.wanted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.wanted[middle].at <= at) low = middle + 1;
      else high = middle;
    }
    if (low - 1 === this.now) return;
    this.now = low - 1;
    if (this.now >= 0 && (this.now < this.first || this.now >= this.first + SHOWN)) {
      this.first = Math.max(0, Math.min(this.now - SHOWN / 2, this.wanted.length - SHOWN));
      this.render();
    }
    this.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const item = this.list.children[this.now - this.first];
    item?.setAttribute("aria-current", "true");
    if (item && !this.list.contains(document.activeElement)) this.reveal(item);
  }

  /** Scrolls the list, and never the page. */
  reveal(item) {
    const [top, bottom] = [item.offsetTop, item.offsetTop + item.offsetHeight];
    const { scrollTop, clientHeight } = this.list;
    if (top < scrollTop) this.list.scrollTop = top - 4;
    else if (bottom > scrollTop + clientHeight) this.list.scrollTop = bottom - clientHeight + 4;
  }

  arrows(event) {
    const by = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const next = by && event.target.closest("li")?.[by];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    next.firstChild.focus();
  }

  // --- search

  words(event) {
    if (event.key === "Escape") {
      $("words").value = "";
      this.search();
      $("words").blur();
      event.stopPropagation();
    } else if ((event.key === "Enter" || event.key === "ArrowDown") && this.list.firstChild) {
      event.preventDefault();
      this.list.firstChild.firstChild.focus();
      if (event.key === "Enter") this.open(this.list.firstChild.row, true);
    }
  }

  search() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.look(), 150);
  }

  async look() {
    const wanted = $("words").value.trim();
    if (!wanted) {
      this.hits = null;
      $("found").textContent = "";
      this.show();
      return;
    }
    const answer = await fetch(`search?words=${encodeURIComponent(wanted)}`);
    const { hits, more } = await answer.json();
    if ($("words").value.trim() !== wanted) return;
    const icons = { output: "command", typed: "input" };
    this.hits = hits.map((hit) => ({
      hit: true,
      at: hit.at,
      kind: icons[hit.kind] ?? hit.kind,
      title: hit.line,
      row: this.by.get(hit.of),
    }));
    const count = more ? `more than ${hits.length}` : `${hits.length}`;
    $("found").textContent = `${count} found`;
    this.first = 0;
    this.show();
  }

  // --- details

  /** Shows what there is of a row, and goes to its time. */
  open(row, go) {
    if (go) this.player.go(row.at);
    const of = row.hit ? row.row : row;
    if (!of) return;
    this.opened = of;
    $("detail").hidden = false;
    $("detail-title").textContent = of.title;
    this.facts(of);
    $("detail-body").replaceChildren();
    if (of.kind === "command") this.output(of, 0);
    if (of.more?.picture) {
      const image = element("img");
      image.alt = of.title;
      image.src = `picture/${of.n}`;
      $("detail-body").append(image);
    }
    // The list has less room now.
    this.now = -1;
    this.move(this.player.at);
  }

  close() {
    this.opened = null;
    $("detail").hidden = true;
  }

  facts(row) {
    const facts = [["When", words(row.at, true)]];
    if (WHO[row.who] && row.kind !== "gap") facts.push(["Who", WHO[row.who]]);
    if (row.end) facts.push(["End", `${row.end.words}, at ${words(row.end.at, true)}`]);
    const more = { ...row.more, ...row.end?.more };
    if (more.sha256) facts.push(["SHA-256", more.sha256]);
    if (more.timeout_ms) facts.push(["Time limit", `${more.timeout_ms / 1000} s`]);
    if (more.computer) {
      facts.push(["Computer", `${more.computer.name}, ${more.computer.user}, ${more.computer.system}`]);
    }
    if (more.in_force) facts.push(["In force", more.in_force.join(", ") || "nothing"]);
    $("detail-facts").replaceChildren(
      ...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
    );
  }

  async output(row, from) {
    const answer = await fetch(`output/${row.n}?from=${from}`);
    const { pieces, next } = await answer.json();
    if (this.opened !== row) return;
    const body = $("detail-body");
    body.querySelector(".more")?.remove();
    let block = body.querySelector("pre");
    if (!block) {
      block = element("pre");
      block.tabIndex = 0;
      block.setAttribute("aria-label", "Output");
      body.append(block);
    }
    for (const piece of pieces) block.append(element("span", piece.text, piece.way));
    if (!block.textContent) block.replaceChildren(element("span", "It printed nothing.", "quiet"));
    if (next !== null) {
      const button = element("button", "More of it", "more");
      button.addEventListener("click", () => this.output(row, next));
      body.append(button);
    }
  }
}
