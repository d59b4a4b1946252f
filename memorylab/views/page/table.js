"use strict";
// The table of all runs: filters, order, and the runs of one page of it.
const table = (() => {
  const { head, rows, make, mark, link, number, signed, tone, when, beside } = page;
  const body = document.querySelector("#runs tbody");
  if (!body) return { list: () => [] };
  const LENGTH = 100;
  const columns = [
    { key: "at", title: "#", kind: "n", of: (row) => row.at, show: (row) => String(row.at + 1) },
    {
      key: "status",
      title: "status",
      kind: "status",
      of: (row) => row.status,
      show: (row) => [mark(row.status), make("span", { "aria-hidden": "true" }, row.status)],
    },
    { key: "value", title: head.metric, kind: "n", of: (row) => row.value, show: (row) => number(row.value) },
    {
      key: "delta",
      title: "to champion",
      kind: "n delta",
      of: beside,
      show: (row) => make("span", { class: tone(beside(row)) }, signed(beside(row) || null)),
    },
    {
      key: "idea",
      title: "idea",
      kind: "words",
      of: (row) => row.idea.toLowerCase(),
      show: (row) => link(row.at, row.idea || "(no description)"),
    },
    { key: "family", title: "family", kind: "family", of: (row) => row.family || null, show: (row) => row.family },
    { key: "writer", title: "writer", kind: "writer", of: (row) => row.writer, show: (row) => row.writer },
    { key: "action", title: "next", kind: "next", of: (row) => row.action || null, show: (row) => row.action },
    { key: "time", title: "time (UTC)", kind: "time", of: (row) => row.time, show: (row) => when(row.time) },
  ].filter(
    (column) =>
      (column.key !== "family" || head.families.some(Boolean)) && (column.key !== "writer" || head.writers.length > 1),
  );
  const chosen = { words: "", status: new Set(), family: "", writer: "", group: "", key: "at", down: true, first: 0 };
  let found = rows;
  let texts = null;

  const select = () => {
    const words = chosen.words.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !texts) {
      texts = rows.map((row) =>
        [row.idea, row.family, row.writer, row.id, row.name, row.action, row.time].join("\n").toLowerCase(),
      );
    }
    found = rows.filter(
      (row) =>
        (!chosen.status.size || chosen.status.has(row.status)) &&
        (!chosen.family || row.family === chosen.family) &&
        (!chosen.writer || row.writer === chosen.writer) &&
        (!chosen.group || row.group === Number(chosen.group)) &&
        words.every((word) => texts[row.at].includes(word)),
    );
    const { of } = columns.find((column) => column.key === chosen.key);
    const way = chosen.down ? -1 : 1;
    const keyed = found.map((row) => [of(row), row]);
    // What has no value comes last in both orders; equal ones stay in the order of the ledger, the latest first.
    keyed.sort(([one, row], [other, next]) =>
      one === other ? next.at - row.at : one === null ? 1 : other === null ? -1 : one < other ? -way : way,
    );
    found = keyed.map(([, row]) => row);
    chosen.first = 0;
    show();
  };

  const heads = new Map(
    columns.map((column) => [
      column.key,
      make(
        "th",
        { class: column.kind, scope: "col" },
        make(
          "button",
          {
            type: "button",
            on: {
              click: () => {
                chosen.down =
                  chosen.key === column.key
                    ? !chosen.down
                    : column.key === "at" || column.key === "time" || (column.key === "value" && page.sign < 0);
                chosen.key = column.key;
                select();
              },
            },
          },
          column.title,
        ),
      ),
    ]),
  );
  document.querySelector("#runs thead").append(make("tr", {}, [...heads.values()]));

  const show = () => {
    const shown = found.slice(chosen.first, chosen.first + LENGTH);
    body.replaceChildren(
      ...shown.map((row) =>
        make(
          "tr",
          {
            class: row.at === head.champion ? "champion" : row.at === head.leader ? "leader" : false,
            "data-at": row.at,
          },
          columns.map((column) => make("td", { class: column.kind }, column.show(row))),
        ),
      ),
    );
    for (const [key, element] of heads) {
      if (key === chosen.key) element.setAttribute("aria-sort", chosen.down ? "descending" : "ascending");
      else element.removeAttribute("aria-sort");
    }
    const last = Math.min(chosen.first + LENGTH, found.length);
    const all = found.length === rows.length ? "" : ` of ${rows.length.toLocaleString("en")}`;
    document.getElementById("found").textContent = `${found.length.toLocaleString("en")}${all}`;
    const turn = (words, first, off) =>
      make(
        "button",
        {
          type: "button",
          disabled: off,
          on: {
            click: () => {
              chosen.first = first;
              show();
              document.getElementById("s-runs").scrollIntoView();
            },
          },
        },
        words,
      );
    document
      .getElementById("pages")
      .replaceChildren(
        ...(found.length <= LENGTH
          ? []
          : [
              turn("‹ Back", Math.max(0, chosen.first - LENGTH), chosen.first === 0),
              make("span", {}, `${chosen.first + 1} to ${last} of ${found.length.toLocaleString("en")}`),
              turn("More ›", chosen.first + LENGTH, last === found.length),
            ]),
      );
    if (!found.length)
      body.append(make("tr", {}, make("td", { colspan: columns.length, class: "soft" }, "No run is like that.")));
  };

  const choice = (label, key, names) =>
    make(
      "label",
      {},
      `${label} `,
      make(
        "select",
        {
          on: {
            change: (event) => {
              chosen[key] = event.target.value;
              select();
            },
          },
        },
        make("option", { value: "" }, "all"),
        names.map(([value, name]) => make("option", { value }, name)),
      ),
    );
  const sorted = (names) =>
    names
      .filter(Boolean)
      .sort()
      .map((name) => [name, name]);
  const search = make("input", {
    type: "search",
    placeholder: "words, ids, families",
    "aria-label": "Search the runs",
    "aria-keyshortcuts": "/",
    on: {
      input: (event) => {
        chosen.words = event.target.value;
        select();
      },
    },
  });
  const toggle = (status) =>
    make(
      "button",
      {
        type: "button",
        class: "toggle",
        "aria-pressed": "false",
        on: {
          click: (event) => {
            const on = chosen.status.has(status);
            if (on) chosen.status.delete(status);
            else chosen.status.add(status);
            event.currentTarget.setAttribute("aria-pressed", String(!on));
            select();
          },
        },
      },
      mark(status, true),
      status,
    );
  document.getElementById("filters").append(
    search,
    ...head.statuses.map(toggle),
    ...(head.families.some(Boolean) ? [choice("family", "family", sorted([...head.families]))] : []),
    ...(head.writers.length > 1 ? [choice("writer", "writer", sorted([...head.writers]))] : []),
    ...(head.groups.length > 1
      ? [
          choice(
            "group",
            "group",
            head.groups.map((name, at) => [String(at), name]),
          ),
        ]
      : []),
  );

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-at]");
    if (row && !event.target.closest("a") && !String(getSelection())) page.open(Number(row.dataset.at));
  });
  // Up and down go from run to run.
  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    const next =
      event.key === "ArrowDown" ? row.nextElementSibling : event.key === "ArrowUp" ? row.previousElementSibling : null;
    const to = next && next.querySelector("a");
    if (to) {
      event.preventDefault();
      to.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (
      event.key === "/" &&
      !event.ctrlKey &&
      !event.metaKey &&
      !event.altKey &&
      !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) &&
      !document.querySelector("dialog[open]")
    ) {
      event.preventDefault();
      search.focus();
    }
  });
  select();
  return { list: () => found };
})();
