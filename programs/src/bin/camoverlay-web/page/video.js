// The video: one stream with the original and the explanation beside each other, shown twice, half by half.

import { post } from "./ask.js";

const GATHERING = 1000; // milliseconds for this browser's addresses
const videos = document.querySelectorAll(".frame video");
const counts = document.getElementById("counts");
let peer = null;

/** Resolves when the browser's addresses are known, or soon. */
function gathered(connection) {
  return new Promise(done => {
    const look = () => connection.iceGatheringState === "complete" && done();
    connection.addEventListener("icegatheringstatechange", look);
    setTimeout(done, GATHERING);
    look();
  });
}

/** Takes the server's offer; `tell` says how the connection is. */
export async function connect({ peer: number, sdp }, tell) {
  peer?.close();
  const connection = new RTCPeerConnection();
  peer = connection;
  connection.addEventListener("track", ({ track }) => {
    for (const video of videos) video.srcObject = new MediaStream([track]);
  });
  connection.addEventListener("connectionstatechange", () => {
    if (connection.connectionState === "connected") tell("Live");
    if (connection.connectionState === "failed") tell("No video reaches this browser: may it reach the server by UDP?");
  });
  await connection.setRemoteDescription({ type: "offer", sdp });
  await connection.setLocalDescription(await connection.createAnswer());
  await gathered(connection);
  await post("answer", { peer: number, sdp: connection.localDescription.sdp });
}

/** What has come so far: of frames, and of packets that did not. */
async function count() {
  if (!peer || peer.connectionState !== "connected") return;
  for (const report of (await peer.getStats()).values()) {
    if (report.type !== "inbound-rtp") continue;
    const { framesDecoded = 0, framesDropped = 0, packetsLost = 0, framesPerSecond = 0 } = report;
    Object.assign(counts.dataset, { framesDecoded, framesDropped, packetsLost });
    counts.textContent = `${framesPerSecond} frames a second; ${framesDecoded} shown, ${framesDropped} left out, ` +
      `${packetsLost} packets lost`;
  }
}

setInterval(count, 1000);
