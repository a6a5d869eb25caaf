// What the keyboard does: j and k go through the list, Enter opens, g then t, i or r changes the page.
"use strict";
const WHERE = { t: "/", i: "/inbox", r: "/runs" };
let going = false;

const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (going && WHERE[event.key]) location.assign(WHERE[event.key]);
  going = event.key === "g";
  if (event.key !== "j" && event.key !== "k") return;
  const rows = [...document.querySelectorAll("[data-row], .list tbody a")];
  const at = rows.indexOf(document.activeElement);
  const next = rows[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
  if (next) {
    next.focus();
    event.preventDefault();
  }
});
