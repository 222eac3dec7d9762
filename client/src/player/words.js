// Times in words, and words in the document.

/** Times are microseconds since the recording began. */
export const SECOND = 1e6;

/** "0:12:03", with tenths where wanted. */
export function words(us, tenths = false) {
  const all = Math.max(0, us) / SECOND;
  const whole = Math.floor(tenths ? Math.round(all * 10) / 10 : all);
  const two = (n) => String(n).padStart(2, "0");
  const text = `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return tenths ? `${text}.${Math.floor((Math.round(all * 10) % 10))}` : text;
}

/** Microseconds of "1:30", "90", "0:01:30.5"; nothing for what is no time. */
export function time(text) {
  if (!/^\d+(:[0-5]?\d){0,2}(\.\d+)?$/.test(text.trim())) return undefined;
  return text.trim().split(":").reduce((all, part) => all * 60 + Number(part), 0) * SECOND;
}

/** An element with a text: nothing that was recorded is ever markup. */
export function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}
