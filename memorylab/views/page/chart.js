"use strict";
// Progress: every run of a comparison group by its place, and the best that was kept so far. uPlot has the axes, the
// scales, the line and the zoom; the runs are drawn here, in one path for each kind.
const chart = (() => {
  const { head, rows, make, number, signed, sign, when, beside, detail } = page;
  const box = document.getElementById("chart");
  if (!box || !rows.length) return null;
  const tip = document.getElementById("tip");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const NEAR = 24; // pixels
  let group = head.group < 0 ? 0 : head.group;
  let whole = false;
  let shown = [];
  let plot = null;
  let active = -1;

  const better = (one, other) => (one - other) * sign < 0;
  const read = () => {
    // A run that crashed measured nothing: which group it is of does not matter.
    shown = rows.filter((row) => (row.group === group && row.value !== null) || row.status === "crash");
    let best = null;
    const line = shown.map((row) => {
      if (row.value !== null && row.status === "keep" && (best === null || better(row.value, best))) best = row.value;
      return best;
    });
    return [shown.map((row) => row.at + 1), line, shown.map((row) => row.value)];
  };

  // From the best to what most runs reach: a run that diverged must not flatten the others. It stands at the edge.
  const range = (u, low, high) => {
    const [from, to] = [u.scales.x.min ?? -Infinity, u.scales.x.max ?? Infinity];
    const values = shown
      .filter((row) => row.value !== null && row.at + 1 >= from && row.at + 1 <= to)
      .map((row) => row.value * sign)
      .sort((a, b) => a - b);
    const banded = head.band && group === head.group ? head.band.map((value) => value * sign) : [];
    if (!values.length) return banded.length ? [Math.min(...head.band), Math.max(...head.band)] : [low ?? 0, high ?? 1];
    const best = values[0];
    const usual = values[Math.floor(0.75 * (values.length - 1))];
    const worst = values[values.length - 1];
    let end = whole ? worst : Math.min(worst, usual + (usual - best));
    const start = Math.min(best, ...banded);
    end = Math.max(end, ...banded, best);
    const room = (end - start) * 0.07 || Math.abs(best) * 0.01 || 1;
    return sign > 0 ? [start - room, end + room] : [-end - room, -start + room];
  };

  const at = (u, row) => {
    const { top, height } = u.bbox;
    const x = u.valToPos(row.at + 1, "x", true);
    if (row.value === null) return [x, top + height - 7 * devicePixelRatio, false];
    const y = u.valToPos(row.value, "y", true);
    const edge = 5 * devicePixelRatio;
    return [x, Math.min(Math.max(y, top + edge), top + height - edge), y < top || y > top + height];
  };

  const drawBand = (u) => {
    if (!head.band || group !== head.group) return;
    const { ctx, bbox } = u;
    const [low, high] = head.band.map((value) => u.valToPos(value, "y", true));
    const [top, bottom] = [
      Math.max(Math.min(low, high), bbox.top),
      Math.min(Math.max(low, high), bbox.top + bbox.height),
    ];
    ctx.fillStyle = css("--band");
    if (bottom > top) ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  };

  const drawRuns = (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    const size = Math.min(1, Math.max(0.45, 1500 / shown.length));
    const paths = { keep: new Path2D(), discard: new Path2D(), crash: new Path2D() };
    for (const row of shown) {
      const [x, y, off] = at(u, row);
      if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
      const path = paths[row.status];
      const r = (row.status === "keep" ? 3.8 : 2.8) * size * ratio;
      if (row.status === "crash") {
        path.moveTo(x - r, y - r);
        path.lineTo(x + r, y + r);
        path.moveTo(x + r, y - r);
        path.lineTo(x - r, y + r);
      } else if (off) {
        const up = y < bbox.top + bbox.height / 2 ? -1 : 1;
        path.moveTo(x - r, y - up * r);
        path.lineTo(x + r, y - up * r);
        path.lineTo(x, y + up * r);
        path.closePath();
      } else {
        path.moveTo(x + r, y);
        path.arc(x, y, r, 0, 7);
      }
    }
    ctx.save();
    ctx.lineWidth = 1.3 * ratio;
    ctx.strokeStyle = css("--even");
    ctx.stroke(paths.discard);
    ctx.strokeStyle = css("--crash");
    ctx.lineWidth = 1.7 * ratio;
    ctx.stroke(paths.crash);
    ctx.fillStyle = css("--good");
    ctx.fill(paths.keep);
    for (const [place, color] of [
      [head.leader, "--leader"],
      [head.champion, "--ink"],
      [active, "--link"],
    ]) {
      const row = place >= 0 && rows[place];
      if (!row || !(row.status === "crash" || (row.group === group && row.value !== null))) continue;
      const [x, y] = at(u, row);
      ctx.beginPath();
      ctx.arc(x, y, 7.5 * ratio, 0, 7);
      ctx.strokeStyle = css(color);
      ctx.lineWidth = 2 * ratio;
      ctx.stroke();
    }
    ctx.restore();
  };

  const point = (row) => {
    active = row ? row.at : -1;
    plot.redraw(false);
    if (!row) {
      tip.hidden = true;
      return;
    }
    const said = detail(row.at);
    const role = row.at === head.champion ? "champion, " : row.at === head.leader ? "leader, " : "";
    tip.replaceChildren(
      make(
        "p",
        {},
        make("strong", {}, row.value === null ? row.status : number(row.value)),
        ` ${role}${row.value === null ? "" : row.status}`,
        beside(row) ? make("span", { class: page.tone(beside(row)) }, ` ${signed(beside(row))}`) : null,
      ),
      make("p", { class: "idea" }, row.idea || "(no description)"),
      said.packet
        ? make("p", { class: "soft" }, said.packet.summary)
        : said.error
          ? make("p", { class: "soft" }, said.error)
          : null,
      make("p", { class: "soft" }, `#${row.at + 1} ${row.name} ${when(row.time)}`),
    );
    tip.hidden = false;
    const [x, y] = at(plot, row).map((value) => Number(value) / devicePixelRatio);
    const frame = plot.root.getBoundingClientRect();
    const left = Math.min(Math.max(8, frame.left + x + 14), document.documentElement.clientWidth - tip.offsetWidth - 8);
    const above = frame.top + y - tip.offsetHeight - 14;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above > 60 ? above : frame.top + y + 16) + scrollY}px`;
  };

  const nearest = (event) => {
    const frame = plot.root.getBoundingClientRect();
    const [x, y] = [(event.clientX - frame.left) * devicePixelRatio, (event.clientY - frame.top) * devicePixelRatio];
    let found = null;
    let least = NEAR * devicePixelRatio;
    for (const row of shown) {
      const [left, top] = at(plot, row);
      if (Math.abs(left - x) < least) {
        const far = Math.hypot(left - x, top - y);
        if (far < least) [found, least] = [row, far];
      }
    }
    return found;
  };

  const times = (u, splits) =>
    splits.map((split) => {
      const row = rows[split - 1];
      return !Number.isInteger(split) || !row
        ? ""
        : row.time && u.width > 500
          ? `#${split}\n${when(row.time).slice(5)}`
          : `#${split}`;
    });

  const build = () => {
    if (plot) plot.destroy();
    const axis = {
      stroke: () => css("--soft"),
      grid: { stroke: () => css("--line"), width: 1 },
      ticks: { stroke: () => css("--line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    plot = new uPlot(
      {
        width: Math.max(280, box.clientWidth),
        height: box.clientWidth < 600 ? 260 : 360,
        scales: {
          x: {
            time: false,
            range: (u, low, high) => [
              low - Math.max(0.5, (high - low) * 0.01),
              high + Math.max(0.5, (high - low) * 0.01),
            ],
          },
          y: { range },
        },
        legend: { show: false },
        padding: [8, 36, 2, 0],
        cursor: { points: { show: false }, x: false, y: false, drag: { x: true, y: false, setScale: true } },
        axes: [
          {
            ...axis,
            values: times,
            size: 46,
            space: box.clientWidth < 600 ? 50 : 90,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000],
          },
          { ...axis, size: 70, values: (u, splits) => splits.map((split) => String(Number(split.toPrecision(6)))) },
        ],
        series: [
          {},
          {
            stroke: () => css("--good"),
            width: 1.6,
            paths: uPlot.paths.stepped({ align: 1 }),
            points: { show: false },
          },
          { stroke: "transparent", paths: () => null, points: { show: false } },
        ],
        hooks: { drawClear: [drawBand], draw: [drawRuns] },
      },
      read(),
      box,
    );
    const over = plot.over;
    over.tabIndex = 0;
    over.setAttribute("role", "application");
    over.setAttribute(
      "aria-label",
      `${head.metric} of ${shown.length} runs. Arrow keys go from run to run, Enter opens one.`,
    );
    let from = null;
    over.addEventListener("mousedown", (event) => {
      from = event.clientX;
    });
    over.addEventListener("mousemove", (event) => {
      const row = nearest(event);
      over.style.cursor = row ? "pointer" : "crosshair";
      if ((row ? row.at : -1) !== active) point(row);
    });
    over.addEventListener("mouseleave", () => point(null));
    over.addEventListener("blur", () => point(null));
    over.addEventListener("click", (event) => {
      const row = from !== null && Math.abs(event.clientX - from) < 4 ? nearest(event) : null;
      if (row) page.open(row.at);
    });
    over.addEventListener("keydown", (event) => {
      const now = shown.findIndex((row) => row.at === active);
      const last = shown.length - 1;
      const to = {
        ArrowRight: now < 0 ? last : Math.min(last, now + 1),
        ArrowLeft: now < 0 ? last : Math.max(0, now - 1),
        Home: 0,
        End: last,
      }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        point(shown[to]);
      }
      if (event.key === "Enter" && now >= 0) page.open(active);
      if (event.key === "Escape") point(null);
    });
  };

  const controls = document.getElementById("chart-controls");
  if (head.groups.length > 1) {
    controls.append(
      make(
        "label",
        {},
        "group ",
        make(
          "select",
          {
            on: {
              change: (event) => {
                group = Number(event.target.value);
                build();
              },
            },
          },
          head.groups.map((name, place) => make("option", { value: place, selected: place === group }, name)),
        ),
      ),
    );
  }
  controls.append(
    make(
      "label",
      {},
      make("input", {
        type: "checkbox",
        on: {
          change: (event) => {
            whole = event.target.checked;
            build();
          },
        },
      }),
      " whole range",
    ),
  );
  build();
  new ResizeObserver(() => {
    if (plot && Math.abs(box.clientWidth - plot.width) > 1)
      plot.setSize({ width: Math.max(280, box.clientWidth), height: box.clientWidth < 600 ? 260 : 360 });
  }).observe(box);
  for (const asked of ["(prefers-color-scheme: dark)", "print"])
    matchMedia(asked).addEventListener("change", () => plot.redraw(false));
  // Where a run stands on the screen, for who looks from outside.
  const where = (row) => {
    const frame = plot.root.getBoundingClientRect();
    return at(plot, row)
      .slice(0, 2)
      .map((value, side) => value / devicePixelRatio + (side ? frame.top : frame.left));
  };
  return { where };
})();
