// Boxes of what is hot, over the explanation.

const boxes = document.getElementById("boxes");

/** Draws the regions of a frame, whose `size` is in the same pixels. */
export function showBoxes({ regions, size }) {
  if (size) boxes.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  boxes.replaceChildren(...regions.flatMap(region => ["shade", ""].map(kind => {
    const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const side of ["x", "y", "width", "height"]) box.setAttribute(side, region[side]);
    box.setAttribute("class", kind);
    return box;
  })));
}
