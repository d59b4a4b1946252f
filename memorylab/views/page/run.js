"use strict";
// One run, made when it is opened; which one is in the address.
const run = (() => {
  const { head, rows, make, mark, link, number, signed, tone, when, beside } = page;
  const dialog = document.getElementById("run");
  let before = null;

  const section = (title, ...content) => {
    const inside = content.flat(9).filter(Boolean);
    return inside.length ? make("section", {}, make("h3", {}, title), inside) : null;
  };
  const facts = (pairs) => {
    const told = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
    return told.length
      ? make(
          "dl",
          {},
          told.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
        )
      : null;
  };
  // A run is told by its place, or by its id where it is not here.
  const known = (who, words) => (typeof who === "number" ? link(who, words) : make("code", {}, words || who));

  const command = (text) =>
    make(
      "li",
      {},
      make("code", {}, text),
      make(
        "button",
        {
          type: "button",
          class: "copy",
          "aria-label": `Copy ${text}`,
          on: {
            click: async (event) => {
              const button = event.currentTarget;
              try {
                await navigator.clipboard.writeText(text);
                button.textContent = "copied";
              } catch {
                // not allowed here: it is selected instead
                getSelection().selectAllChildren(button.previousSibling);
                button.textContent = "selected";
              }
            },
          },
        },
        "copy",
      ),
    );

  const metrics = (row, said) => {
    const others = [
      ["parent", row.parent],
      ["champion", head.champion],
    ]
      .filter(([, at]) => at >= 0 && at !== row.at)
      .map(([role, at]) => [role, at, new Map(page.detail(at).metrics)]);
    if (!said.metrics.length) return null;
    const plain = (value) => (value === null || value === undefined ? "" : String(Number(value.toPrecision(7))));
    const cells = (name, value, [, , theirs]) => {
      const other = theirs.get(name);
      const delta = typeof other === "number" && typeof value === "number" ? value - other : null;
      return [
        make("td", { class: "n" }, plain(other)),
        make(
          "td",
          { class: `n ${name === head.metric ? tone(delta) : "soft"}` },
          delta ? `${delta > 0 ? "+" : ""}${plain(Number(delta.toPrecision(4)))}` : "",
        ),
      ];
    };
    return make(
      "div",
      { class: "scroll" },
      make(
        "table",
        {},
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            make("th", {}, "metric"),
            make("th", { class: "n" }, "this run"),
            others.map(([role, at]) => [
              make("th", { class: "n" }, `${role} `, link(at)),
              make("th", { class: "n" }, "difference"),
            ]),
          ),
        ),
        make(
          "tbody",
          {},
          said.metrics.map(([name, value]) =>
            make(
              "tr",
              { class: name === head.metric ? "main" : false },
              make("th", { scope: "row" }, name),
              make("td", { class: "n" }, plain(value)),
              others.map((other) => cells(name, value, other)),
            ),
          ),
        ),
      ),
    );
  };

  const guard = (found) =>
    found &&
    section(
      "Novelty guard",
      make("p", {}, make("strong", {}, found.verdict.replaceAll("_", " ")), `: ${found.decision}. ${found.rationale}`),
      found.why && make("p", { class: "soft" }, found.why),
      found.stale && make("p", { class: "soft" }, found.stale),
      found.matches &&
        make(
          "ul",
          { class: "matches" },
          found.matches.map(([who, relation, score, why, idea]) => {
            const row = typeof who === "number" ? rows[who] : { idea, value: null };
            return make(
              "li",
              {},
              row.status && mark(row.status),
              known(who, row.idea),
              make(
                "span",
                { class: "soft" },
                ` ${relation}, ${score.toFixed(2)} alike`,
                row.value !== null && `, ${number(row.value)}`,
                why && `; ${why}`,
              ),
            );
          }),
        ),
      found.known &&
        found.known.map(([knob, trials]) =>
          make(
            "p",
            {},
            make("code", {}, knob),
            ": ",
            trials.map(([value, who, status, delta], at) => [
              at ? ", " : "",
              known(who, value),
              make("span", { class: "soft" }, ` ${delta === null ? status : signed(delta)}`),
            ]),
          ),
        ),
    );

  const texts = (row, said) => {
    const found = page.text(row.at);
    const name = row.name;
    const elsewhere = (what, verb) =>
      make("p", { class: "soft" }, what, " ", make("code", {}, `git memorylab ${verb}`), " shows it.");
    const change = !found
      ? (said.files || []).some(([file]) => file.endsWith(".patch"))
        ? elsewhere("The patch is not in this page, to keep it small.", `diff ${name}`)
        : null
      : (found.away || []).includes("patch")
        ? elsewhere("The patch is not in this clone.", `diff ${name}`)
        : found.patch
          ? [
              patch(found.patch),
              (found.cut || []).includes("patch") && elsewhere("This is only its beginning.", `diff ${name}`),
            ]
          : null;
    const tail =
      found && found.log
        ? make("pre", { class: "log", tabindex: "0" }, found.log)
        : said.tail
          ? make("pre", { class: "log", tabindex: "0" }, said.tail)
          : found && (found.away || []).includes("log")
            ? make("p", { class: "soft" }, "The log is not in this clone.")
            : !found && (said.files || []).some(([file]) => file === "run.log")
              ? make(
                  "p",
                  { class: "soft" },
                  "The log is not in this page, to keep it small; it is ",
                  make("code", {}, `runs/${row.id}/run.log`),
                  " beside the reports.",
                )
              : null;
    const knobs = (said.knobs || []).map(([knob, old, now]) =>
      make(
        "li",
        {},
        make("code", {}, knob),
        " ",
        make("del", {}, old === null ? "absent" : old),
        " → ",
        make("ins", {}, now === null ? "absent" : now),
      ),
    );
    return [
      section(
        "Change",
        knobs.length ? make("ul", { class: "knobs" }, knobs) : null,
        said.statements
          ? make(
              "p",
              { class: "soft" },
              `${said.statements} statement${said.statements > 1 ? "s" : ""} changed besides`,
            )
          : null,
        said.dirty ? make("p", { class: "soft" }, "Uncommitted changes are part of it.") : null,
        said.imported
          ? make("p", { class: "soft" }, "This run was imported from a table. Its code was never here.")
          : change,
      ),
      section("Log", said.error && make("p", { class: "bad" }, said.error), tail),
    ];
  };

  const fill = (at) => {
    const row = rows[at];
    const said = page.detail(at);
    const packet = said.packet;
    const list = table.list();
    const place = list.indexOf(row);
    const step = (words, next, keys) =>
      make(
        "button",
        {
          type: "button",
          disabled: !next,
          title: keys,
          on: { click: () => next && location.replace(`#${encodeURIComponent(next.id)}`) },
        },
        words,
      );
    const role = at === head.champion ? "champion" : at === head.leader ? "leader" : "";
    const parent = row.parent >= 0 ? rows[row.parent] : null;
    const toParent =
      parent && parent.value !== null && row.value !== null && parent.group === row.group
        ? row.value - parent.value
        : null;
    dialog.replaceChildren(
      make(
        "div",
        { class: "controls steps" },
        step("‹ Previous", place > 0 ? list[place - 1] : null, "k"),
        step("Next ›", place >= 0 ? list[place + 1] : null, "j"),
        make("span", { class: "soft" }, `#${at + 1}`),
        make("button", { type: "button", class: "close", on: { click: () => dialog.close() } }, "Close"),
      ),
      make(
        "article",
        {},
        make(
          "p",
          { class: "state" },
          mark(row.status, true),
          `${row.status}${role ? `, ${role}` : ""}`,
          row.action ? make("span", { class: "action" }, row.action) : null,
        ),
        make("h2", { id: "run-title", tabindex: "-1" }, row.idea || "(no description)"),
        said.hypothesis && make("p", { class: "hypothesis" }, said.hypothesis),
        make(
          "p",
          { class: "big" },
          make("span", { class: "metric" }, head.metric),
          " ",
          make("strong", {}, row.value === null ? "none" : number(row.value)),
        ),
        make(
          "p",
          { class: "facts" },
          toParent !== null && [
            make("span", { class: tone(toParent) }, signed(toParent)),
            " to its parent ",
            link(row.parent),
            ". ",
          ],
          beside(row) !== null &&
            role !== "champion" && [
              make("span", { class: tone(beside(row)) }, signed(beside(row))),
              " to the champion ",
              link(head.champion),
              ".",
            ],
        ),
        packet &&
          section(
            "Decision",
            make(
              "p",
              {},
              make("strong", {}, packet.action.replaceAll("_", " ")),
              ` (${packet.priority}). ${packet.rationale}`,
            ),
            make("p", {}, packet.summary),
            facts([
              ["hypothesis", packet.hypothesis.replaceAll("_", " ")],
              ["evidence then", packet.odds || ""],
              ["champion then", packet.before === undefined ? "" : known(packet.before)],
              ["runs to decide", packet.seeds ? String(packet.seeds) : ""],
            ]),
          ),
        section(
          "Type",
          make(
            "ul",
            { class: "commands" },
            said.imported
              ? [command(`git memorylab show ${row.name}`)]
              : [`show ${row.name}`, `diff ${row.name}`, `restore ${row.name}`, `replicate ${row.name}`].map((words) =>
                  command(`git memorylab ${words}`),
                ),
          ),
        ),
        texts(row, said),
        section("Metrics", metrics(row, { ...said, metrics: said.metrics || [] })),
        guard(said.guard),
        section(
          "Record",
          facts([
            ["time", when(row.time) ? `${when(row.time)} UTC` : "not known"],
            ["run", make("code", {}, row.id)],
            ["commit", make("code", {}, said.commit)],
            ["parent", said.parent ? make("code", {}, said.parent) : ""],
            ["branch", said.branch],
            ["writer", row.writer],
            ["family", row.family],
            ["tags", (said.tags || []).join(", ")],
            ["group", head.groups[row.group]],
            ["environment", (said.environment || []).map((pair) => pair.join(" ")).join(", ")],
            [
              "artifacts",
              (said.files || []).map(([file, size]) => `${file} (${size.toLocaleString("en")} bytes)`).join(", "),
            ],
          ]),
        ),
        said.notes && section("Notes", make("pre", { class: "notes" }, said.notes)),
      ),
    );
  };

  const follow = () => {
    const at = page.opened();
    if (at < 0) {
      if (dialog.open) dialog.close();
      return;
    }
    document.getElementById("tip").hidden = true;
    fill(at);
    if (!dialog.open) {
      before = document.activeElement;
      dialog.showModal();
    }
    dialog.scrollTop = 0;
    document.getElementById("run-title").focus();
    document.getElementById("run-title").scrollIntoView({ block: "center" });
    dialog.scrollTop = 0;
  };
  dialog.addEventListener("close", () => {
    if (page.opened() >= 0) history.replaceState(null, "", location.pathname + location.search);
    if (before && before.isConnected) before.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const steps = dialog.querySelectorAll(".steps button");
    if (event.key === "j") steps[1].click();
    if (event.key === "k") steps[0].click();
  });
  addEventListener("hashchange", follow);
  follow();
  return { fill };
})();
document.documentElement.dataset.drawn = String(Math.round(performance.now()));
