// What is there? A pointer over the explanation, or a cross that the arrow keys move, asks for the place's classes; a click or
// Enter makes the best one the target.

import { post, set } from "./ask.js";
import { firstName } from "./classes.js";

const MOST = 3; // classes beside the pointer
const STEP = 0.02; // of the picture, an arrow key
const frame = document.getElementById("explained");
const box = document.getElementById("place");
const cross = document.getElementById("cross");
const arrows = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
let at = { x: 0.5, y: 0.5 };
let isAsking = false;
let wanted = null;

function put(element, { x, y }) {
  element.style.left = `${100 * x}%`;
  element.style.top = `${100 * y}%`;
}

function hide() {
  wanted = null;
  box.hidden = true;
}

/** Asks for the newest place only, when the answer before has come. */
async function ask(place) {
  wanted = place;
  if (isAsking) return;
  isAsking = true;
  while (wanted) {
    const asked = wanted;
    let text;
    try {
      const { classes } = await post("at", asked);
      text = classes.slice(0, MOST).map(({ label, score }) => `${firstName(label)} ${score.toFixed(2)}`).join("\n");
    } catch (error) {
      text = error.message;
    }
    if (!wanted) break;
    if (wanted === asked) wanted = null;
    box.textContent = text;
    put(box, asked);
    // On the side where there is room.
    box.style.transform = `translate(${asked.x > 0.6 ? "calc(-100% - 12px)" : "12px"}, ${asked.y > 0.6 ? "calc(-100% - 12px)" : "12px"})`;
    box.hidden = false;
  }
  isAsking = false;
}

async function choose(place) {
  try {
    const { classes: [best] } = await post("at", place);
    if (best) await set("target", `#${best.id}`);
  } catch (error) {
    box.textContent = error.message;
  }
}

function place(event) {
  const sides = frame.getBoundingClientRect();
  const share = (offset, length) => Math.min(Math.max(offset / length, 0), 0.9999);
  return {
    x: share(event.clientX - sides.left, sides.width),
    y: share(event.clientY - sides.top, sides.height),
  };
}

frame.addEventListener("pointermove", event => {
  cross.hidden = true;
  ask(place(event));
});
frame.addEventListener("pointerleave", hide);
frame.addEventListener("click", event => {
  ask(place(event));
  choose(place(event));
});
frame.addEventListener("keydown", event => {
  const step = arrows[event.key];
  if (step) {
    const move = (value, by) => Math.min(Math.max(value + by, 0), 0.9999);
    at = { x: move(at.x, step[0]), y: move(at.y, step[1]) };
    put(cross, at);
    cross.hidden = false;
    ask(at);
  } else if (event.key === "Enter") {
    choose(at);
  } else if (event.key === "Escape") {
    cross.hidden = true;
    hide();
  } else {
    return;
  }
  event.preventDefault();
});
frame.addEventListener("blur", () => {
  cross.hidden = true;
  hide();
});
