"use strict";
// A patch in colours: what was taken out, what was put in, and within a line what differs.
const patch = (() => {
  const { make } = page;

  // Where two lines that replace each other differ: what they begin and end with alike is left plain.
  const differ = (one, other) => {
    let start = 0;
    while (start < one.length && start < other.length && one[start] === other[start]) start += 1;
    let end = 0;
    while (
      end < one.length - start &&
      end < other.length - start &&
      one[one.length - 1 - end] === other[other.length - 1 - end]
    )
      end += 1;
    // By whole words: 0.04 and 0.06 differ, not 4 and 6.
    const inWord = (at) => /[\w.]/.test(one[at] ?? "") || /[\w.]/.test(other[at] ?? "");
    while (start > 0 && inWord(start) && inWord(start - 1)) start -= 1;
    while (end > 0 && /[\w.]/.test(one[one.length - end])) end -= 1;
    return [start, end];
  };
  const show = (text) => {
    const lines = text.split("\n");
    const is = (line, sign) => line !== undefined && line.startsWith(sign) && !line.startsWith(sign.repeat(3));
    const marks = new Map();
    for (let at = 0; at < lines.length; at += 1) {
      if (!is(lines[at], "-")) continue;
      let old = at;
      while (is(lines[old], "-")) old += 1;
      let fresh = old;
      while (is(lines[fresh], "+")) fresh += 1;
      if (fresh - old === old - at) {
        for (let step = 0; step < old - at; step += 1) {
          const span = differ(lines[at + step].slice(1), lines[old + step].slice(1));
          marks.set(at + step, span);
          marks.set(old + step, span);
        }
      }
      at = fresh - 1;
    }
    return make(
      "pre",
      { class: "patch", tabindex: "0" },
      lines.map((line, at) => {
        const kind = line.startsWith("@@")
          ? "hunk"
          : /^(diff |index |--- |\+\+\+ |new file|deleted file)/.test(line)
            ? "meta"
            : is(line, "+")
              ? "plus"
              : is(line, "-")
                ? "minus"
                : "same";
        const span = marks.get(at);
        const whole = line.slice(1);
        const inside =
          span && whole.length - span[1] > span[0]
            ? [
                line[0],
                whole.slice(0, span[0]),
                make("mark", {}, whole.slice(span[0], whole.length - span[1])),
                whole.slice(whole.length - span[1]),
              ]
            : [line];
        return make("span", { class: kind }, inside, "\n");
      }),
    );
  };
  return show;
})();
