// Draws each chart from the table that says the same, by the colours of the page, and anew when the table or the colours change.
"use strict";
const PALETTE = ["accent", "live", "good", "wait", "bad"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const drawn = new Map(); // the place of a chart -> what draws it, and the table that it was drawn from

// A token of the design as a colour: custom properties say it for light and dark at once.
const colour = (name) => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name === "off" ? "soft" : name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

const worded = (value, unit) => {
  const text = value.toLocaleString("en", { maximumFractionDigits: unit === "" ? 0 : value < 1 ? 4 : 2 });
  return unit === "$" ? `$${text}` : unit ? `${text} ${unit}` : text;
};

const series = (table, columns) => {
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const chosen = columns ? columns.split(",").map((one) => Number(one) - 1) : heads.map((_, at) => at);
  const rows = [...table.tBodies[0].rows];
  return chosen.map((at, number) => ({
    name: heads[at].textContent,
    tone: heads[at].dataset.tone || PALETTE[number % PALETTE.length],
    again: chosen.slice(0, number).some((other) => heads[at].dataset.tone && heads[other].dataset.tone === heads[at].dataset.tone),
    values: rows.map((row) => Number(row.cells[at + 1].dataset.value)),
  }));
};

const options = (table, figure) => {
  const unit = figure.dataset.unit;
  const found = series(table, figure.dataset.columns);
  const [soft, line, card, ink] = ["soft", "line", "card", "ink"].map(colour);
  const label = { color: soft, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 };
  return {
    animation: !still.matches,
    animationDuration: 200,
    grid: { left: 4, right: 4, top: found.length > 1 ? 34 : 12, bottom: 6, containLabel: true },
    legend: { show: found.length > 1, top: 0, left: 0, type: "scroll", itemWidth: 10, itemHeight: 10, icon: "circle", textStyle: label },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: card, borderColor: line,
      axisPointer: { type: "shadow" }, textStyle: { ...label, color: ink }, valueFormatter: (value) => worded(value, unit),
    },
    xAxis: {
      type: "category", data: [...table.tBodies[0].rows].map((row) => row.cells[0].textContent),
      axisLabel: { ...label, hideOverlap: true }, axisTick: { show: false }, axisLine: { lineStyle: { color: line } },
    },
    yAxis: { type: "value", splitNumber: 3, minInterval: unit === "" ? 1 : 0, axisLabel: { ...label, formatter: (value) => worded(value, unit) }, splitLine: { lineStyle: { color: line } } },
    series: found.map((one) => ({ type: "bar", stack: "all", name: one.name, data: one.values, barMaxWidth: 28, color: colour(one.tone), itemStyle: { opacity: one.again ? 0.5 : 1 } })),
  };
};

const draw = (anew) => {
  for (const [place, { chart }] of drawn) {
    if (place.isConnected) continue;
    chart.dispose();
    drawn.delete(place);
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const table = document.getElementById(figure.dataset.chart);
    const place = figure.querySelector(".drawn");
    if (!table || (!anew && drawn.get(place)?.table === table)) continue;
    place.classList.add("on");
    const chart = drawn.get(place)?.chart ?? echarts.init(place, null, { renderer: "canvas" });
    chart.setOption(options(table, figure), true);
    drawn.set(place, { chart, table });
  }
};

let due = false;
const later = (anew) => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw(anew);
  });
};
new MutationObserver(() => later(false)).observe(document.getElementById("main"), { childList: true, subtree: true });
new ResizeObserver(() => drawn.forEach(({ chart }) => chart.resize())).observe(document.getElementById("main"));
dark.addEventListener("change", () => later(true));
still.addEventListener("change", () => later(true));
draw(true);
