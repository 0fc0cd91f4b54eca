"use strict";

// Tables: clicking a heading sorts by its column. Rows without a value stay last.
for (const button of document.querySelectorAll(".sortable button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const table = button.closest("table");
    const numeric = button.dataset.numeric === "1";
    // the column of the body: group headings span several columns
    const column = [...table.querySelectorAll("thead button")].indexOf(button);
    const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const key = (row) => {
      const cell = row.cells[column];
      return numeric ? Number(cell.dataset.value ?? NaN) : cell.textContent;
    };
    const compare = (one, other) =>
      numeric ? (one < other ? -1 : one > other ? 1 : 0) : one.localeCompare(other, undefined, { numeric: true });
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    rows.sort(([one], [other]) => Number.isNaN(one) - Number.isNaN(other) || direction * compare(one, other));
    table.tBodies[0].append(...rows.map(([, row]) => row));
    for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  });
}

// Scores: the switch, hidden without this script, chooses which one is shown.
const scores = document.querySelector(".switch");
const show = () => {
  const chosen = scores.querySelector("input:checked")?.value;
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.id !== chosen;
};
scores.hidden = scores.querySelectorAll("input").length < 2;
scores.addEventListener("change", show);
show();

// Players: load metadata only near the viewport, since a page may hold hundreds of players.
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      target.preload = "metadata";
      near.unobserve(target);
    }
  },
  { rootMargin: "400px" },
);
for (const player of document.querySelectorAll("audio")) near.observe(player);

// Starting a player stops the others; within an excerpt it continues at their position.
document.addEventListener(
  "play",
  ({ target }) => {
    for (const other of document.querySelectorAll("audio")) {
      if (other === target || other.paused) continue;
      if (other.closest(".sounds") === target.closest(".sounds")) target.currentTime = other.currentTime;
      other.pause();
    }
  },
  true,
);
