// What can be set, as the server describes it: the same for all browsers.

import { address, set } from "./ask.js";

const form = document.getElementById("controls");
const TITLES = {
  target: "Target", versus: "Rather than", method: "Method", layer: "Layer", threshold: "Threshold", scale: "Scale",
  colormap: "Colours", blend: "Blend", opacity: "Opacity", placement: "Placement", regions: "Boxes of what is hot",
  "region-level": "Level of the boxes",
};
const inputs = new Map();

form.addEventListener("submit", event => event.preventDefault());

/** The input for a control, which sets what the user chooses and returns to what is set where that is refused. */
function input(control) {
  const element = document.createElement(control.kind === "choice" ? "select" : "input");
  let send = () => element.value;
  if (control.kind === "text") {
    element.setAttribute("list", "labels");
    element.spellcheck = false;
    element.placeholder = control.name === "target" ? "top-1, a name, #285, or several; with semicolons" : "nothing";
  } else if (control.kind === "number") {
    Object.assign(element, { type: "range", min: control.least, max: control.most, step: 0.01 });
    send = () => element.valueAsNumber;
  } else if (control.kind === "switch") {
    element.type = "checkbox";
    send = () => element.checked;
  }
  // While a range is dragged, its newest value is sent when the one before has arrived.
  let isSending = false;
  let waiting = null;
  const change = async () => {
    waiting = { value: send() };
    if (isSending) return;
    isSending = true;
    while (waiting) {
      const { value } = waiting;
      waiting = null;
      if (await set(control.name, value)) continue;
      const made = inputs.get(control.name);
      made.shown = null;
      show(made.control);
    }
    isSending = false;
  };
  element.addEventListener(control.kind === "number" ? "input" : "change", change);
  return element;
}

function make(control) {
  const label = document.createElement("label");
  const title = document.createElement("span");
  title.append(TITLES[control.name]);
  const element = input(control);
  label.title = control.help;
  element.name = control.name;
  if (control.kind === "switch") {
    label.className = "switch";
    label.append(element, title);
  } else {
    label.append(title, element);
  }
  const number = document.createElement("output");
  if (control.kind === "number") title.append(number);
  form.append(label);
  inputs.set(control.name, { element, number, control, shown: null });
}

function show(control) {
  const made = inputs.get(control.name);
  made.control = control;
  const { element, number } = made;
  if (control.kind === "choice") {
    const options = control.choices.map(({ value, help }) => {
      const option = new Option(value, value, false, value === control.value);
      option.title = help;
      return option;
    });
    element.replaceChildren(...options);
    element.title = control.choices.find(({ value }) => value === control.value)?.help ?? "";
  } else if (control.kind === "switch") {
    element.checked = control.value;
  } else if (document.activeElement !== element || made.shown === null || element.value === made.shown) {
    // Not what the user is about to change.
    element.value = control.value;
    made.shown = element.value;
  }
  if (control.kind === "number") number.textContent = control.value.toFixed(2);
}

/** Shows what is set. */
export function showControls(controls) {
  for (const control of controls) {
    if (!inputs.has(control.name)) make(control);
    show(control);
  }
}

const labels = await (await fetch(address("labels"))).json();
document.getElementById("labels").append(...labels.map(name => new Option("", name)));
