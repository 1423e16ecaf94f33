"use strict";
// Data comes as scripts that call auditData, from beside the page or from within it: file:// gives a page no JSON.
const arrived = {}, waiting = {};
function auditData(name, data) {
  arrived[name] = data;
  (waiting[name] || []).forEach((then) => then(data));
  delete waiting[name];
}
function ask(name, then) {
  if (arrived[name]) return then(arrived[name]);
  if (waiting[name]) return waiting[name].push(then);
  waiting[name] = [then];
  const script = document.createElement("script");
  script.src = `data/${name}.js`;
  document.body.append(script);
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const percent = (share, digits = 1) => (share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`);
const between = ([share, low, high]) => (share === null ? "–" : `${percent(share)} (${percent(low)} to ${percent(high)})`);

function jet(value) {
  const channel = (centre) => Math.max(0, Math.min(1, 1.5 - Math.abs(4 * value - centre)));
  return [channel(3), channel(2), channel(1)].map((share) => Math.round(255 * share));
}
// A map as a picture of a pixel a cell, which the browser scales smoothly.
function painted([rows, columns, cells], over) {
  const bytes = Uint8Array.from(atob(cells), (letter) => letter.charCodeAt(0));
  const canvas = make("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(columns, rows);
  bytes.forEach((byte, cell) => {
    picture.data.set(jet(byte / 255), 4 * cell);
    picture.data[4 * cell + 3] = over ? (byte < 51 ? byte : 60 + 0.6 * byte) : 255;
  });
  context.putImageData(picture, 0, 0);
  return canvas;
}

function figure(picture) {
  if (!picture) return null;
  const orders = ["predicted", "true", "rival"].filter((name) => picture.maps[name]);
  const names = { predicted: picture.predicted, true: picture.truth, rival: picture.rival };
  const inner = make("span", { class: "inner" }, make("img", { src: picture.file, alt: "", loading: "lazy" }));
  const seen = make("div", {});
  let at = -1;
  const turn = () => {
    at = at + 1 > orders.length ? 0 : at + 1;
    const name = orders[at];
    inner.querySelector("canvas")?.remove();
    inner.classList.toggle("hot", Boolean(name));
    if (name) inner.append(painted(picture.maps[name], true));
    seen.textContent = name ? `${name}: ${names[name]}` : "no heat";
  };
  turn();
  const title = `${picture.path}\ntrue class: ${picture.truth ?? "not told"}\npredicted: ${picture.predicted}, ${picture.score}`;
  return make("figure", { title },
    make("button", { class: "frame", type: "button", onclick: turn, "aria-label": title }, inner),
    make("figcaption", { class: picture.status }, make("b", {}, `${picture.predicted} ${picture.score.toFixed(2)}`), make("br"), `is: ${picture.truth ?? "not told"}`, seen));
}
const figures = (rows, pictures) => make("div", { class: "pictures" }, ...rows.map((row) => figure(pictures[row])));

function trial(told) {
  if (!told) return null;
  const widest = Math.max(Math.abs(told.hot), Math.abs(told.elsewhere), 0.01);
  const bar = (value, kind) => make("div", { class: `bar ${kind}`, style: `width:${Math.max(0, (100 * value) / widest)}%` });
  const [low, high] = told.difference;
  const verdict = told.confirmed ? "what is hot decides" : "not confirmed: what is hot survives a blur (a plain or repeated texture does), or something else decides too";
  return make("div", {},
    make("div", { class: "trial" },
      make("span", {}, "hot region blurred"), bar(told.hot, "hot"), make("span", {}, `score drops by ${told.hot.toFixed(3)}`),
      make("span", {}, "as much elsewhere"), bar(told.elsewhere, "elsewhere"), make("span", {}, `by ${told.elsewhere.toFixed(3)}`)),
    make("p", { class: "soft" }, `Difference ${low === null ? "" : `${low.toFixed(3)} to ${high.toFixed(3)} (95 %)`}, n = ${told.count}: ${verdict}.`));
}

function showFlags(data) {
  const list = document.querySelector("#flags .list");
  if (!data.flags.length) list.append(make("p", {}, "None: no class is unlike the others (at least four classes with 15 pictures each are compared)."));
  data.flags.forEach((flag, number) => {
    list.append(make("article", { class: "flag" },
      make("div", { class: "head" }, make("span", { class: "rank" }, `${number + 1}`), make("h3", {}, `${flag.class}`), make("span", { class: "soft" }, flag.kind),
        make("span", { class: "effect" }, make("b", {}, `${flag.effect}`), ` deviations, n = ${flag.n}`)),
      make("div", { class: "row" },
        make("div", { class: "words" }, make("p", {}, flag.sentence), ...flag.also.map((also) => make("p", { class: "soft" }, `Also: ${also}`)), trial(flag.trial)),
        make("div", { class: "soft" }, Object.assign(painted(flag.mean, false), { className: "map" }), "mean map")),
      figures(flag.rows, data.pictures_by_row)));
  });
}

function showConfusions(data) {
  const place = document.querySelector("#confusions .matrix"), examples = document.querySelector("#confusions .examples");
  if (!data.confusions.length) return place.append("No picture of a known class is wrong.");
  const names = [...new Set(data.confusions.flatMap((cell) => [cell.truth, cell.predicted]))].slice(0, 24);
  const cells = new Map(data.confusions.map((cell) => [`${cell.truth}\n${cell.predicted}`, cell]));
  const right = new Map(data.all.map((line) => [line.name, line.right]));
  const most = data.confusions[0].n;
  const show = (cell) => examples.replaceChildren(make("h3", {}, `${cell.truth}, taken for ${cell.predicted}: ${cell.n}`), figures(cell.rows, data.pictures_by_row));
  const body = names.map((truth) => make("tr", {}, make("th", {}, truth), ...names.map((predicted) => {
    if (truth === predicted) return make("td", { class: "soft" }, `${right.get(truth) || ""}`);
    const cell = cells.get(`${truth}\n${predicted}`);
    if (!cell) return make("td");
    return make("td", { class: "some", style: `background:rgba(200,60,45,${0.12 + (0.7 * cell.n) / most})`, onclick: () => show(cell) }, `${cell.n}`);
  })));
  place.append(make("table", {}, make("thead", {}, make("tr", {}, make("th"), ...names.map((name) => make("th", {}, name)))), make("tbody", {}, ...body)));
  show(data.confusions[0]);
}

function classDetail(name, place, cell) {
  ask(`classes-${String(Math.floor(place / 50)).padStart(4, "0")}`, (data) => {
    const columns = Object.entries(data.classes[place]).map(([status, told]) => make("div", {}, make("h3", {}, `${status}: ${told.n}`),
      make("div", { class: "maps soft" }, make("div", {}, Object.assign(painted(told.mean, false), { className: "map" }), "mean of the maps"),
        make("div", {}, Object.assign(painted(told.variance, false), { className: "map" }), "their variance")),
      figures(told.rows, data.pictures_by_row)));
    cell.replaceChildren(make("div", { class: "columns" }, ...columns));
  });
}

function showClasses(data) {
  const place = document.querySelector("#classes .table"), search = document.querySelector("#classes input"), more = document.querySelector("#classes .more");
  const withObjects = data.all.some((line) => line.energy);
  const columns = [["class", (line) => line.name], ["pictures", (line) => line.right + line.wrong + line.unknown + line.unlabelled + line.error],
    ["right", (line) => line.right], ["wrong", (line) => line.wrong], ["unknown", (line) => line.unknown], ["errors", (line) => line.error],
    ["accuracy", (line) => line.accuracy[0] ?? -1, (line) => between(line.accuracy)]];
  if (withObjects) columns.push(["heat in the object", (line) => line.energy?.[0] ?? -1, (line) => (line.energy ? `${percent(line.energy[0])} of ${percent(line.area)} of the picture` : "–")],
    ["pointing game", (line) => line.pointing?.[0] ?? -1, (line) => (line.pointing ? between(line.pointing) : "–")]);
  let order = 0, sign = 1, shown = 100;
  const lines = data.all.map((line, number) => ({ line, number }));
  const draw = () => {
    const wanted = search.value.toLowerCase();
    const key = columns[order][1];
    const found = lines.filter(({ line }) => line.name.toLowerCase().includes(wanted))
      .sort((a, b) => sign * (key(a.line) > key(b.line) ? 1 : key(a.line) < key(b.line) ? -1 : 0));
    const body = make("tbody");
    for (const { line, number } of found.slice(0, shown)) {
      const row = make("tr", { class: "of-class" }, ...columns.map(([, value, words]) => make("td", {}, `${(words || value)(line)}`)));
      row.addEventListener("click", () => {
        if (row.nextSibling?.className === "opened") return row.nextSibling.remove();
        const cell = make("td", { class: "detail", colspan: columns.length });
        row.after(make("tr", { class: "opened" }, cell));
        classDetail(line.name, number, cell);
      });
      body.append(row);
    }
    const head = columns.map(([name], column) => make("th", { onclick: () => { sign = order === column ? -sign : column ? -1 : 1; order = column; draw(); } }, name));
    place.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...head)), body));
    more.hidden = found.length <= shown;
  };
  search.addEventListener("input", draw);
  more.addEventListener("click", () => { shown *= 4; draw(); });
  draw();
  place.querySelector("tr.of-class")?.click();
}

function showDeletion({ deletion }) {
  const place = document.querySelector("#deletion .body");
  if (!deletion) return place.append("No picture could be opened again.");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 420 200"); svg.setAttribute("width", "420");
  const x = (share) => 40 + 460 * share, y = (score) => 170 - 155 * score;
  const curve = (values, colour) => `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${values.map((value, step) => `${x(deletion.shares[step])},${y(value)}`).join(" ")}"/>`;
  svg.innerHTML = `<path d="M40 15V170H410" fill="none" stroke="gray"/><text x="2" y="20">score</text><text x="250" y="190">share blurred</text><text x="30" y="186">0</text><text x="${x(0.8)}" y="186" text-anchor="end">80 %</text>`
    + curve(deletion.hottest, "#c8402e") + curve(deletion.random, "#7a8696");
  place.append(make("p", { class: "lead" }, `Do the maps tell what decides? Of ${deletion.n} pictures, more and more is blurred: the hottest cells first (red; area under the curve ${deletion.areas.hottest.toFixed(3)}), or random ones (gray; ${deletion.areas.random.toFixed(3)}). The further red lies below gray, the more the maps tell.`), svg);
}

function showErrors(data) {
  const place = document.querySelector("#errors .body"), { reasons, pictures } = data.errors;
  if (!reasons.length) place.append(make("p", {}, "No picture failed."));
  else {
    place.append(make("table", {}, ...reasons.map(([reason, count]) => make("tr", {}, make("td", {}, reason), make("td", {}, `${count}`)))));
    place.append(make("details", { class: "names" }, make("summary", {}, `The first ${pictures.length} by name`), ...pictures.map(([path, reason]) => make("div", {}, `${path}: ${reason}`))));
  }
  if (data.unreadable.length) place.append(make("p", { class: "soft" }, `${data.unreadable.length} pictures could not be shown, such as ${data.unreadable[0][0]}: ${data.unreadable[0][1]}`));
}

document.addEventListener("DOMContentLoaded", () => ask("summary", (data) => {
  document.querySelector("#network").textContent = data.network;
  document.querySelector("#about").textContent = `${data.data.join(", ")} · ${data.classes} classes · run ${data.run}${data.missing ? ` · ${data.missing} shards are not there yet` : ""}`;
  const card = (value, name) => make("div", { class: "card" }, make("b", {}, `${value}`), name);
  const counts = Object.entries(data.counts).filter(([, count]) => count).map(([status, count]) => card(count, status));
  document.querySelector("#cards").append(card(data.pictures, "pictures"), card(percent(data.accuracy[0]), data.accuracy[0] === null ? "accuracy" : `accuracy (${percent(data.accuracy[1])} to ${percent(data.accuracy[2])})`), ...counts, card(data.flags.length, "flags"));
  [showFlags, showConfusions, showClasses, showDeletion, showErrors].forEach((show) => show(data));
}));
