// Lists the files that are chosen, with their size, and says at the field what the server would not take.
"use strict";
const named = (bytes) => {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) if (bytes >= unit) return `${(bytes / unit).toFixed(1).replace(/\.0$/, "")} ${name}`;
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
};

const unfit = (files, { most, each, all, limits }) => {
  const large = files.find((file) => file.size > Number(each));
  if (files.length > Number(most)) return `${files.length} files are too many: ${limits}.`;
  if (large) return `${large.name} is too large: ${limits}.`;
  return files.reduce((sum, file) => sum + file.size, 0) > Number(all) ? `They are too large together: ${limits}.` : "";
};

document.addEventListener("change", ({ target }) => {
  const field = target.closest(".files");
  if (!field || target.type !== "file") return;
  const files = [...target.files], list = field.querySelector(".chosen"), wrong = field.querySelector(".wrong[hidden], .wrong[data-here]");
  list.replaceChildren(...files.slice(0, 50).map((file) => {
    const row = document.createElement("li"), size = document.createElement("span");
    size.className = "note";
    size.textContent = named(file.size);
    row.append(`${file.name} `, size);
    return row;
  }));
  list.hidden = !files.length;
  const why = unfit(files, field.dataset);
  wrong.dataset.here = "";
  wrong.textContent = why;
  wrong.hidden = !why;
  target.setCustomValidity(why);
  if (why) target.setAttribute("aria-invalid", "true");
  else target.removeAttribute("aria-invalid");
});
