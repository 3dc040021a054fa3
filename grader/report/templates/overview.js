"use strict";
(() => {
  const PAGE = 100; // rows
  const PRINTED = 1000; // rows
  const [ID, PEOPLE, KNOWN_AS, LATE, STATE, REASON, SCORE, MAX_SCORE, SECONDS, OUTCOMES] = Array(10).keys();
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const { checks, statuses, passed, awaiting, scored, notGraded, decimals, groups } = data;
  const [table, search, show, pages] = ["table", "search", "show", "pages"].map(find);
  const letters = Object.keys(statuses);
  const headers = [...table.querySelectorAll("th")];

  // Case and accents do not matter to a search.
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const grouped = new Intl.NumberFormat("en").format;
  const isGraded = (row) => row[STATE] !== notGraded;
  const sameMax = new Set(data.rows.filter(isGraded).map((row) => row[MAX_SCORE])).size === 1;

  const rows = data.rows.map((row, at) => {
    const outcomes = row[OUTCOMES].replace(/(\d+)(\D)/g, (_, times, letter) => letter.repeat(times));
    const judged = [...outcomes].filter((letter) => !` ${awaiting}${scored}`.includes(letter));
    const failed = judged.filter((letter) => letter !== passed).length;
    return {
      at, row, outcomes, judged: judged.length, failed,
      text: fold([row[ID], row[PEOPLE], row[KNOWN_AS], row[STATE], row[LATE] ? "late" : ""].join("\n")),
    };
  });

  // --- what is shown, and in which order: the state, which the address keeps ---

  const START = { q: "", show: "", group: "", sort: "id", page: "1" };
  const state = { ...START };
  let found = rows;

  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const key of Object.keys(START)) state[key] = given.get(key) ?? START[key];
    if (!Object.hasOwn(KEYS, state.sort.replace("-", ""))) state.sort = START.sort;
    if (![...show.options].some((option) => option.value === state.show)) state.show = "";
    if (!/^\d+$/.test(state.group) || state.group >= groups.length) state.group = "";
    search.value = state.q;
    show.value = state.show;
  };
  let waiting = 0;
  const write = () => {
    clearTimeout(waiting);
    waiting = 0;
    const changed = Object.entries(state).filter(([key, value]) => value !== START[key]);
    const hash = new URLSearchParams(changed).toString() || "q="; // with a "=" also where all are shown
    history.replaceState(null, "", `#${hash}`);
  };
  const keep = () => {
    // Not at every key: browsers refuse many changes of the address in a short time.
    clearTimeout(waiting);
    waiting = setTimeout(write, 200);
  };
  // But before a link is followed: the way back leads here, and what was to be written must not take its address.
  document.addEventListener("click", ({ target }) => {
    const link = target.closest("a");
    if (link && (waiting || link.hash.includes("="))) write();
  });

  // --- order ---

  const byText = new Intl.Collator("en", { numeric: true });
  const ranks = (column) => {
    const order = [...rows].sort((a, b) => byText.compare(a.row[column], b.row[column]));
    const rank = new Array(rows.length);
    order.forEach(({ at }, place) => {
      const before = order[place - 1];
      const same = before && byText.compare(before.row[column], rows[at].row[column]) === 0;
      rank[at] = same ? rank[before.at] : place;
    });
    return rank;
  };
  const byId = ranks(ID);
  const byPeople = ranks(PEOPLE);
  // What each column is sorted by; null, for what is not known, comes last in both directions.
  const KEYS = {
    id: ({ at }) => byId[at],
    people: ({ at, row }) => (row[PEOPLE] ? byPeople[at] : null),
    score: ({ row }) => (isGraded(row) ? row[SCORE] : null),
    late: ({ row }) => (row[LATE] ? row[LATE][0] || 0.01 : 0), // late by nobody knows how much: after "in time"
    seconds: ({ row }) => (isGraded(row) ? row[SECONDS] : null),
    status: ({ row, failed }) => (isGraded(row) ? (row[STATE] ? 1e9 : 0) + failed : 2e9),
  };
  const LARGEST_FIRST = ["score", "late", "seconds", "status"];
  const sorted = (some) => {
    const key = KEYS[state.sort.replace("-", "")];
    const sign = state.sort.startsWith("-") ? -1 : 1;
    const keyed = some.map((each) => ({ each, value: key(each) }));
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.each.at - b.each.at;
      return sign * (a.value - b.value) || byId[a.each.at] - byId[b.each.at];
    });
    return keyed.map(({ each }) => each);
  };

  // --- search ---

  // The whole id of a check means that one alone, and not its companions, which begin alike.
  const named = new Map(checks.map((check, at) => [fold(check), at]));
  const matches = () => {
    const letter = letters.find((each) => statuses[each][0] === state.show);
    const words = fold(state.q).split(/\s+/).filter(Boolean).map((word) => ({
      word,
      checks: named.has(word) ? [named.get(word)] : [...checks.keys()].filter((at) => fold(checks[at]).includes(word)),
      letters: letters.filter((each) => statuses[each].some((name) => name.includes(word))),
    }));
    const isOfCheck = (outcome = " ") => (letter ? outcome === letter : !` ${passed}${scored}`.includes(outcome));
    const matchesWord = ({ text, outcomes }, word) =>
      text.includes(word.word) ||
      word.checks.some((at) => isOfCheck(outcomes[at])) ||
      word.letters.some((each) => outcomes.includes(each));
    const members = state.group ? new Set(groups[state.group]) : null;
    return rows.filter((each) =>
      (!members || members.has(each.at)) &&
      (state.show !== "attention" || each.row[STATE]) &&
      (state.show !== "late" || each.row[LATE]) &&
      (!letter || each.outcomes.includes(letter)) &&
      words.every((word) => matchesWord(each, word))
    );
  };

  // --- the table ---

  const element = (name, text = "", className = "") => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const statusOf = ({ row, outcomes, judged, failed }) => {
    const parts = [];
    if (row[STATE]) parts.push(element("span", row[STATE], "tag warn"), row[REASON]);
    else parts.push(failed ? `${failed} of ${judged} did not pass` : "all passed");
    const waits = outcomes.split(awaiting).length - 1;
    if (waits) parts.push(element("span", ` · ${waits} await${waits === 1 ? "s" : ""} staff`, "soft"));
    return parts;
  };
  const line = (each) => {
    const { row } = each;
    const made = element("tr");
    made.setAttribute("role", "row");
    const cell = (className, ...content) => {
      const td = element("td", "", className);
      td.setAttribute("role", "cell");
      td.append(...content);
      made.append(td);
    };
    const link = element(isGraded(row) ? "a" : "span", row[ID]);
    if (isGraded(row)) link.href = `./${encodeURIComponent(row[ID])}/report.html`;
    cell("name", link);
    cell("people", row[PEOPLE]);
    const points = isGraded(row) ? [row[SCORE].toFixed(decimals)] : ["–"];
    if (isGraded(row) && !sameMax) points.push(element("span", ` / ${+row[MAX_SCORE].toFixed(2)}`, "of"));
    cell("number points", ...points);
    cell("number late", row[LATE] ? row[LATE][1] : "");
    cell("number time", isGraded(row) ? `${row[SECONDS].toFixed(1)} s` : "–");
    cell("status", ...statusOf(each));
    return made;
  };
  const fill = (first, count) => {
    table.tBodies[0].replaceChildren(...found.slice(first, first + count).map(line));
  };
  const draw = () => {
    const last = Math.max(1, Math.ceil(found.length / PAGE));
    const page = Math.min(Math.max(1, Math.trunc(Number(state.page)) || 1), last);
    state.page = String(page);
    fill((page - 1) * PAGE, PAGE);
    const [first, end] = [(page - 1) * PAGE + 1, Math.min(page * PAGE, found.length)];
    find("range").textContent = `${grouped(first)}–${grouped(end)} of ${grouped(found.length)}`;
    pages.hidden = last === 1;
    for (const button of pages.querySelectorAll("button")) {
      const ahead = ["next", "last"].includes(button.dataset.page);
      // Not disabled, which would take the focus away from under a finger.
      button.setAttribute("aria-disabled", String(ahead ? page === last : page === 1));
    }
    for (const header of headers) {
      const here = header.firstChild.dataset.sort === state.sort.replace("-", "");
      header.setAttribute("aria-sort", here ? (state.sort.startsWith("-") ? "descending" : "ascending") : "none");
    }
    const all = `${grouped(rows.length)} submission${rows.length === 1 ? "" : "s"}`;
    find("count").textContent = found.length === rows.length ? all : `${grouped(found.length)} of ${all}`;
    find("only").hidden = !state.group;
    const others = state.group ? groups[state.group].length : 0;
    find("only").firstChild.textContent = `Only the ${others} submissions of one group.`;
  };
  const update = (changes = {}) => {
    Object.assign(state, { page: "1" }, changes);
    found = sorted(matches());
    draw();
    keep();
  };

  search.addEventListener("input", () => update({ q: search.value }));
  show.addEventListener("change", () => update({ show: show.value }));
  find("only").lastElementChild.addEventListener("click", () => {
    update({ group: "" });
    search.focus();
  });
  for (const header of headers) {
    header.firstChild.addEventListener("click", () => {
      const key = header.firstChild.dataset.sort;
      const first = LARGEST_FIRST.includes(key) ? `-${key}` : key;
      const other = first === key ? `-${key}` : key;
      update({ sort: state.sort === first ? other : first });
    });
  }
  pages.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    const page = Number(state.page);
    const to = { first: 1, previous: page - 1, next: page + 1, last: Infinity }[button.dataset.page];
    state.page = String(Math.min(to, Math.ceil(found.length / PAGE)));
    draw();
    keep();
  });

  // A link within the page leads to a part of it or, with a "=", to some submissions.
  const follow = () => {
    clearTimeout(waiting);
    if (!location.hash.includes("=")) return;
    read();
    update({ page: state.page });
    find("submissions").scrollIntoView();
    document.querySelector("#submissions h2").focus({ preventScroll: true });
  };
  addEventListener("hashchange", follow);

  // --- on paper: more than a page of rows, and no more than one would carry ---

  const printing = () => {
    fill(0, PRINTED);
    find("printed").hidden = found.length <= PRINTED;
    find("printed").textContent =
      `The first ${grouped(PRINTED)} of ${grouped(found.length)} rows are printed, in the order of the screen.`;
  };
  const printed = () => {
    find("printed").hidden = true;
    draw();
  };
  addEventListener("beforeprint", printing);
  addEventListener("afterprint", printed);
  matchMedia("print").addEventListener("change", ({ matches: on }) => (on ? printing() : printed()));

  find("tools").hidden = false;
  table.hidden = false;
  update();
  follow();
})();
