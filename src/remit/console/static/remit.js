// What the keyboard does: j and k go through the list, Enter opens, g then t, i or r changes the page; in the inbox a approves,
// c changes and r rejects what is focused; of two people s says the same, d different, and l puts them off.
"use strict";
const WHERE = { t: "/", i: "/inbox", r: "/runs" };
let going = false;

const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (going && WHERE[event.key]) return location.assign(WHERE[event.key]);
  going = event.key === "g";
  if ("acrsdl".includes(event.key)) return act(event);
  if (event.key !== "j" && event.key !== "k") return;
  const rows = [...document.querySelectorAll("[data-row], .list tbody a")];
  const at = rows.indexOf(document.activeElement.closest("[data-row]") ?? document.activeElement);
  const next = rows[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
  if (next) {
    next.focus();
    event.preventDefault();
  }
});

// On a narrow screen the bar is longer than the screen: where one is stands in sight. (scrollIntoView would have the keyboard
// begin there, past the link that skips to the content.)
const current = document.querySelector(".bar nav [aria-current]");
if (current) {
  const bar = current.closest("nav");
  bar.scrollLeft += current.getBoundingClientRect().left - bar.getBoundingClientRect().left - (bar.clientWidth - current.offsetWidth) / 2;
}

// A link to an event that the page does not show, as its run is long, leads to where it is shown.
const hidden = /^#e(\d+)$/.exec(location.hash);
if (hidden && !location.search.includes("event") && document.getElementById("timeline") && !document.getElementById(`e${hidden[1]}`)) location.replace(`?event=${hidden[1]}${location.hash}`);

// What cannot be taken back opens at the first press and is done at the second.
const act = (event) => {
  const row = document.activeElement.closest("[data-row]");
  const target = row?.querySelector(`[data-key="${event.key}"]`);
  if (!target) return;
  event.preventDefault();
  const folded = target.closest("details");
  if (!folded) return target.matches("textarea") ? target.focus() : target.click();
  const sure = folded.querySelector("[data-sure]");
  if (folded.open && sure) return sure.click();
  folded.open = true;
  (sure ?? folded.querySelector("input:not([type=hidden]), select, textarea, button")).focus();
};

// What is put off goes to the end, and the next one is at hand.
for (const later of document.querySelectorAll("[data-later]")) {
  later.hidden = false;
  later.addEventListener("click", () => {
    const row = later.closest("[data-row]"), next = row.nextElementSibling?.closest("[data-row]");
    row.parentElement.insertBefore(row, [...row.parentElement.querySelectorAll(":scope > [data-row]")].at(-1).nextSibling);
    (next ?? row).focus();
  });
}

// Beside what somebody changes stands what it was.
document.addEventListener("input", (event) => {
  const { target } = event, field = target.closest(".change .field");
  if (!field) return;
  const changed = target.value !== field.dataset.was;
  field.classList.toggle("changed", changed);
  field.querySelector(".was").hidden = !changed;
});

// How many things wait: in the bar and in the title.
const TITLE = document.title;
document.addEventListener("asks", (event) => {
  const count = Number(event.detail.data);
  document.getElementById("badge").hidden = !count;
  document.getElementById("count").textContent = String(count);
  document.title = count ? `(${count}) ${TITLE}` : TITLE;
});

// How many tools of a family are ticked, as they are ticked.
document.addEventListener("change", (event) => {
  const family = event.target.name === "tools" && event.target.closest(".family");
  if (!family) return;
  const all = [...family.querySelectorAll("input[name=tools]")];
  family.querySelector("summary .note").textContent = `${all.filter((one) => one.checked).length} of ${all.length}`;
});

// Copying what is shown once.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("input").value);
    button.textContent = "Copied";
  });
}

// How long ago stays true while a page is open; the words are those of the server (show.py).
const span = (seconds) => {
  for (const [length, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= length) return `${Math.floor(seconds / length)} ${name}`;
  return `${Math.floor(seconds)} s`;
};
setInterval(() => {
  for (const time of document.querySelectorAll("time[title]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    time.textContent = seconds < 0 ? `in ${span(-seconds)}` : seconds < 10 ? "just now" : `${span(seconds)} ago`;
  }
}, 20000);

// What takes long says that it goes on, and is sent once.
document.addEventListener("submit", ({ submitter }) => {
  if (!submitter?.dataset.busy) return;
  setTimeout(() => {
    submitter.disabled = true;
    submitter.textContent = submitter.dataset.busy;
  });
});
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
