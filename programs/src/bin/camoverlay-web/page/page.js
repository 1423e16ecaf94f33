// What the server tells, and to whom on the page it goes.

import { connect } from "./video.js";
import { showBoxes } from "./boxes.js";
import { showClasses } from "./classes.js";
import { showControls } from "./controls.js";
import { address, say } from "./ask.js";
import "./place.js";

const status = document.getElementById("status");
const events = new EventSource(address("events"));

function on(name, act) {
  events.addEventListener(name, event => act(JSON.parse(event.data)));
}

// Whoever comes back is offered another connection.
on("offer", offer => connect(offer, word => { status.textContent = word; }).catch(error => say(error.message)));
on("state", state => {
  document.getElementById("network").textContent = state.network;
  showControls(state.controls);
});
on("notice", say);
on("seen", seen => {
  if (seen.size) document.documentElement.style.setProperty("--aspect", seen.size.join(" / "));
  showClasses(seen);
  showBoxes(seen);
});
events.addEventListener("error", () => {
  status.textContent = events.readyState === EventSource.CLOSED
    ? "The server takes no more browsers, or is gone. Load the page again."
    : "The server is gone; waiting for it …";
});
