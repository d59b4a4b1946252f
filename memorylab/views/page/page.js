"use strict";
// The data, small helpers, and which run is open. What records say reaches the page as text alone.
const page = (() => {
  const json = (id) => {
    const found = document.getElementById(id);
    return found ? JSON.parse(found.textContent) : null;
  };
  const head = json("head");
  const [ID, NAME, TIME, STATUS, VALUE, FAMILY, WRITER, GROUP, PARENT, ACTION, IDEA] = Array(11).keys();
  const rows = json("rows").map((row, at) => ({
    at,
    id: row[ID],
    name: row[NAME] || row[ID],
    time: row[TIME],
    status: head.statuses[row[STATUS]],
    value: row[VALUE],
    family: head.families[row[FAMILY]],
    writer: head.writers[row[WRITER]],
    group: row[GROUP],
    parent: row[PARENT],
    action: head.actions[row[ACTION]].replaceAll("_", " "),
    idea: row[IDEA],
  }));
  const places = new Map(rows.map((row) => [row.id, row.at]));
  const bundles = new Map();

  const detail = (at) => {
    const number = Math.floor(at / head.bundle);
    if (!bundles.has(number)) bundles.set(number, json(`d${number}`));
    return bundles.get(number)[at % head.bundle];
  };
  const text = (at) => json(`t${at}`);

  // An element of given attributes and children, which are elements or text.
  const put = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (value !== false && value !== null && value !== undefined)
        element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  };
  const make = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) =>
    put(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  // `told` says that its word stands beside it.
  const mark = (status, told) => {
    const shape =
      status === "keep"
        ? draw("circle", { cx: 6, cy: 6, r: 4.5 })
        : status === "discard"
          ? draw("circle", { cx: 6, cy: 6, r: 3.5 })
          : draw("path", { d: "M2.5 2.5l7 7m0-7l-7 7" });
    return draw(
      "svg",
      {
        class: `mark ${status}`,
        viewBox: "0 0 12 12",
        ...(told ? { "aria-hidden": "true" } : { role: "img", "aria-label": status }),
      },
      shape,
    );
  };
  const link = (at, words) =>
    make("a", { class: "run", href: `#${encodeURIComponent(rows[at].id)}` }, words || rows[at].name);

  // As core/text.py writes a metric; `scale` is what a difference is of.
  const number = (value, scale = value, sign = "") => {
    if (value === null || value === undefined) return "";
    const size = Math.abs(scale || value);
    const before = value >= 0 ? sign : "";
    if (size === 0 || (size >= 0.01 && size < 100)) return before + value.toFixed(6);
    if (size < 1e-9 || size >= 1e15) return before + Number(value.toPrecision(7));
    const shown = value.toFixed(Math.max(0, 6 - Math.floor(Math.log10(size))));
    return before + (shown.includes(".") ? shown.replace(/\.?0+$/, "") : shown);
  };
  const signed = (value) => number(value, head.mean ?? value, "+");
  const sign = head.direction === "minimize" ? 1 : -1;
  // What is within the noise of one run looks like neither a gain nor a loss.
  const tone = (delta) => (!delta || Math.abs(delta) <= head.noise ? "even" : delta * sign < 0 ? "good" : "bad");
  const when = (time) => (time ? time.replace("T", " ").slice(0, 16) : "");
  // To the champion; null where there is nothing to compare with.
  const beside = (row) =>
    head.mean === null || row.value === null || row.group !== head.group ? null : row.value - head.mean;

  const opened = () => {
    let id = location.hash.slice(1);
    try {
      id = decodeURIComponent(id);
    } catch {
      return -1;
    }
    return places.has(id) ? places.get(id) : -1;
  };
  const open = (at) => {
    location.hash = encodeURIComponent(rows[at].id);
  };

  return {
    head,
    rows,
    places,
    detail,
    text,
    make,
    draw,
    mark,
    link,
    number,
    signed,
    sign,
    tone,
    when,
    beside,
    opened,
    open,
  };
})();
