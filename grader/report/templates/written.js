"use strict";
(() => {
  const STEP = 0.5;
  const main = document.querySelector("main");
  const { assignment, question } = main.dataset;
  const points = Number(main.dataset.points);
  const notice = document.getElementById("notice");
  const saveButton = document.getElementById("save");

  // A draft belongs to one answer of one submission: when either changes, it is not found any more.
  const cards = [...document.querySelectorAll("article")].map((node) => ({
    node,
    tag: node.dataset.tag,
    fingerprint: node.dataset.fingerprint,
    merged: { score: node.dataset.score, remark: node.dataset.remark },
    key: ["torchgrade", assignment, question, node.dataset.tag, node.dataset.fingerprint].join("/"),
    score: node.querySelector("input"),
    remark: node.querySelector("textarea"),
    problem: node.querySelector(".problem"),
  }));

  // The number that a field says, null for an empty one, NaN for what is no score.
  const parse = (text) => {
    const plain = text.trim().replace(",", ".");
    if (plain === "") return null;
    if (!/^(\d+\.?\d*|\.\d+)$/.test(plain)) return NaN;
    const value = Number(plain);
    return value <= points && (value % STEP === 0 || value === points) ? value : NaN;
  };
  const isScored = (card) => parse(card.score.value) >= 0 && card.score.value.trim() !== "";

  // --- what the page shows ---

  const show = (card) => {
    const wrong = Number.isNaN(parse(card.score.value));
    card.problem.textContent = wrong ? `A score is 0 to ${points}, in steps of ${STEP}.` : "";
    card.score.setAttribute("aria-invalid", String(wrong));
    card.node.classList.toggle("wrong", wrong);
    card.node.classList.toggle("scored", isScored(card));
  };
  const count = () => {
    const done = cards.filter(isScored).length;
    document.getElementById("count").textContent = `${done} of ${cards.length} scored`;
    document.getElementById("progress").value = done;
  };

  // --- drafts ---

  const keep = (card) => {
    try {
      localStorage.setItem(card.key, JSON.stringify({ score: card.score.value, remark: card.remark.value }));
    } catch {
      notice.textContent = "This browser keeps nothing for this page: save the CSV before you close it.";
    }
  };
  const fill = (card) => {
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(card.key));
    } catch {
      // No storage, or not our text: the merged score it is.
    }
    const { score, remark } = kept ?? card.merged;
    card.score.value = String(score ?? "");
    card.remark.value = String(remark ?? "");
    show(card);
  };
  const changed = (card) => {
    notice.textContent = "";
    show(card);
    count();
    keep(card);
  };

  // --- keys ---

  const go = (card) => {
    if (card === undefined) {
      saveButton.focus();
      return;
    }
    card.node.scrollIntoView({ block: "nearest" });
    card.score.focus({ preventScroll: true });
    card.score.select();
  };
  const nextWithout = (start) => {
    const order = [...cards.slice(start + 1), ...cards.slice(0, start + 1)];
    go(order.find((card) => !isScored(card)));
  };
  const onKey = (event, card, at) => {
    if (event.isComposing) return;
    const inScore = event.target === card.score;
    if (event.key === "Enter" && (inScore || !event.shiftKey)) {
      event.preventDefault();
      if (card.problem.textContent) card.score.select();
      else if (event.ctrlKey || event.metaKey) nextWithout(at);
      else if (!event.shiftKey) go(cards[at + 1]);
      else if (at > 0) go(cards[at - 1]);
    } else if (inScore && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const up = event.key === "ArrowUp";
      const now = parse(card.score.value);
      if (Number.isNaN(now)) return;
      // From an empty field up to full points, or down to none: the two scores that are given most.
      const value = now === null ? (up ? points : 0) : Math.min(points, Math.max(0, now + (up ? STEP : -STEP)));
      card.score.value = String(value);
      changed(card);
    }
  };

  // --- the table ---

  const cell = (text) => {
    // What a spreadsheet would take for a formula gets an apostrophe, which merging takes off again.
    const safe = /^[=+\-@]/.test(text.normalize("NFKC")) ? `'${text}` : text;
    return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const save = () => {
    const wrong = cards.find((card) => card.problem.textContent);
    if (wrong) {
      notice.textContent = "Nothing was saved: a score is not valid.";
      go(wrong);
      return;
    }
    const rows = cards
      .filter((card) => isScored(card) || card.remark.value.trim())
      .map((card) => [card.tag, question, parse(card.score.value) ?? "", card.remark.value.trim(), card.fingerprint]);
    const lines = [["tag", "question", "score", "remark", "answer"], ...rows].map((row) =>
      row.map((value) => cell(String(value))).join(",")
    );
    const file = new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv;charset=utf-8" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${assignment}-${question}-scores.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    const scores = rows.filter((row) => row[2] !== "").length;
    const bare = rows.length - scores;
    notice.textContent = `${scores} of ${cards.length} scores are in ${link.download}.` +
      (bare ? ` ${bare} with a remark and no score will not be merged.` : "");
  };

  cards.forEach((card, at) => {
    fill(card);
    card.node.addEventListener("input", () => changed(card));
    card.node.addEventListener("keydown", (event) => onKey(event, card, at));
  });
  count();
  document.getElementById("next").addEventListener("click", () => nextWithout(-1));
  saveButton.addEventListener("click", save);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      save();
    }
  });
  // Two windows of the same page show the same.
  addEventListener("storage", (event) => {
    const card = cards.find(({ key }) => key === event.key);
    if (card) {
      fill(card);
      count();
    }
  });
  if (cards.length) cards.find((card) => !isScored(card))?.score.focus();
})();
