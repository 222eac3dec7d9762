// Plays the page: one clock that the picture and the list follow. Without it the page is the list.
"use strict";
{
  const IDLE = 3000; // milliseconds; a longer rest is skipped
  const BEFORE = 500; // and what follows it is not missed
  const $ = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll("#list > li")];
  const times = rows.map((row) => Number(row.dataset.at));
  const pictures = rows.flatMap((row, index) => {
    const image = row.querySelector("img");
    return image ? [{ at: times[index], image }] : [];
  });
  const length = Number($("at").max);
  let [at, playing, last, now, shown] = [0, false, 0, [], null];

  /** How many of the sorted times are not later. */
  const until = (sorted, time) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const seen = pictures.map((picture) => picture.at);

  const words = (ms) => {
    const [all, two] = [Math.floor(ms / 1000), (n) => String(n).padStart(2, "0")];
    const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
    return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(all % 60)}`;
  };

  const draw = () => {
    $("at").value = at;
    $("at").setAttribute("aria-valuetext", words(at));
    $("clock").textContent = `${words(at)} / ${words(length)}`;
    const picture = pictures[until(seen, at) - 1];
    if (picture !== shown || !picture) {
      shown = picture;
      $("screen").hidden = !picture;
      $("none").hidden = Boolean(picture);
      if (picture) {
        $("screen").src = picture.image.src;
        $("screen").alt = picture.image.alt;
      }
    }
    const end = until(times, at);
    const current = rows.slice(Math.max(0, until(times, (times[end - 1] ?? 0) - 1)), end);
    if (current[0] === now[0] && current.length === now.length) return;
    now.forEach((row) => row.removeAttribute("aria-current"));
    now = current;
    now.forEach((row) => row.setAttribute("aria-current", "true"));
    if (playing) now.at(-1)?.scrollIntoView({ block: "nearest" });
  };

  const go = (to) => {
    at = Math.min(length, Math.max(0, to));
    draw();
  };

  const step = (time) => {
    if (!playing) return;
    at = Math.min(length, at + Math.max(0, time - last) * Number($("speed").value));
    last = time;
    const next = times[until(times, at)] ?? length;
    if ($("idle").checked && next - at > IDLE) at = next - BEFORE;
    if (at >= length) play(false);
    draw();
    requestAnimationFrame(step);
  };

  const play = (wish) => {
    playing = wish;
    if (wish && at >= length) at = 0;
    $("play").textContent = wish ? "Pause" : "Play";
    if (!wish) return;
    requestAnimationFrame((time) => {
      last = time;
      step(time);
    });
  };

  const jump = (forwards) => {
    const others = times.filter((time) => (forwards ? time > at : time < at));
    go(others.length ? others[forwards ? 0 : others.length - 1] : forwards ? length : 0);
  };
  const keys = {
    " ": () => play(!playing),
    k: () => play(!playing),
    ArrowLeft: (by) => go(at - by),
    ArrowRight: (by) => go(at + by),
    p: () => jump(false),
    n: () => jump(true),
    i: () => $("idle").click(),
    Home: () => go(0),
    End: () => go(length),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // A button, a list and a box have keys of their own.
    const own = event.target.closest("button, select, input");
    if (own && (own.id !== "at" || event.key.startsWith("Arrow"))) return;
    const speed = ["1", "2", "3", "4", "5"].indexOf(event.key);
    const quicker = speed < 0 ? undefined : () => ($("speed").selectedIndex = speed);
    const does = quicker ?? keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!does) return;
    event.preventDefault();
    does(event.shiftKey ? 60000 : 5000);
  });

  $("play").addEventListener("click", () => play(!playing));
  $("at").addEventListener("input", () => go(Number($("at").value)));
  for (const row of rows) {
    const time = row.querySelector("time");
    if (!time) continue;
    const leads = document.createElement("button");
    leads.type = "button";
    leads.title = `Go to ${time.textContent}`;
    leads.append(...time.childNodes);
    time.append(leads);
    leads.addEventListener("click", () => go(Number(row.dataset.at)));
  }
  $("player").hidden = false;
  document.body.classList.add("plays");
  const wished = /(?:^#|&)at=(\d+)/.exec(location.hash);
  go(wished ? Number(wished[1]) : 0);
}
