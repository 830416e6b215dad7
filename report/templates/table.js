"use strict";
// Makes every table in a `.sortable` sort and filter. Without this script it is a plain table.
for (const box of document.querySelectorAll(".sortable")) {
  const body = box.querySelector("tbody");
  const heads = [...box.querySelectorAll("thead th")];
  const rows = [...body.rows];
  const tools = box.querySelector(".tools");
  const search = tools.querySelector("input");
  const choice = tools.querySelector("select");
  const count = tools.querySelector("output");
  const names = new Intl.Collator(undefined, { numeric: true });

  const valueOf = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };

  const compare = (first, second, sign) => {
    if (first === "" || second === "") return (first === "") - (second === ""); // empty cells come last
    const order = typeof first === "number" && typeof second === "number"
      ? first - second : names.compare(String(first), String(second));
    return sign * order;
  };

  const sort = (place) => {
    const falling = heads[place].ariaSort === "ascending" ||
      (heads[place].ariaSort !== "descending" && heads[place].className === "number");
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[place].setAttribute("aria-sort", falling ? "descending" : "ascending");
    rows.sort((a, b) => compare(valueOf(a, place), valueOf(b, place), falling ? -1 : 1));
    body.append(...rows);
  };

  const has = (cell) => cell.dataset.value === undefined ? cell.textContent !== "" : Number(cell.dataset.value) > 0;

  const filter = () => {
    const text = search.value.trim().toLowerCase();
    const place = choice ? choice.value : "";
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(text) ||
        (place !== "" && !has(row.cells[place]));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} images`;
  };

  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(place));
    head.replaceChildren(button);
  });
  search.addEventListener("input", filter);
  if (choice) choice.addEventListener("change", filter);
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = false;
  filter();
}
