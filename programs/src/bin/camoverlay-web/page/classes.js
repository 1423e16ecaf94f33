// The most likely classes as bars, each of which makes its class the target.

import { set } from "./ask.js";

const list = document.getElementById("classes");
const line = document.getElementById("target");

/** A label's first name. */
export function firstName(label) {
  return label.split(",")[0];
}

function row() {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  for (const kind of ["bar", "name", "score"]) {
    const part = document.createElement("span");
    part.className = kind;
    button.append(part);
  }
  button.addEventListener("click", () => set("target", `#${button.dataset.id}`));
  item.append(button);
  return item;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows the classes of a frame, and which of them are explained. */
export function showClasses({ top, targets, versus }) {
  while (list.children.length < top.length) list.append(row());
  while (list.children.length > top.length) list.lastChild.remove();
  const explained = new Set(targets.map(target => target.id));
  top.forEach(({ id, label, score }, rank) => {
    const button = list.children[rank].firstChild;
    const [bar, name, number] = button.children;
    button.dataset.id = id;
    button.title = label;
    button.setAttribute("aria-pressed", explained.has(id));
    bar.style.width = `${100 * score}%`;
    write(name, firstName(label));
    write(number, score.toFixed(2));
  });
  const names = targets.map(({ id, label, score }) => `${firstName(label)} (#${id}, ${score.toFixed(3)})`);
  write(line, `Explained: ${names.join(", ")}${versus === null ? "" : `, rather than #${versus}`}`);
}
