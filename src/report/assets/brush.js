// Links the figures of this page by the numbers of their items.
(() => {
  const words = WORDS;
  const marks = [...document.querySelectorAll("g[data-item]")];
  const line = document.createElement("div");
  line.className = "brush";
  line.setAttribute("role", "status");
  document.body.append(line);
  let kept = null; // the items caught in a rectangle, or null

  const show = (items) => {
    for (const mark of marks) {
      mark.style.opacity = !items || items.has(mark.dataset.item) ? "" : "0.06";
    }
    const names = items ? [...items].sort((a, b) => a - b) : [];
    line.textContent = !items ? "Point at a trial, or drag a rectangle over a figure."
      : names.length === 1 ? "Trial " + names[0] + ": " + (words[names[0]] ?? "")
      : names.length + " trials: " + names.join(", ");
  };

  // The corners of what is drawn for an item, in the figure's own units.
  const corners = (mark) => [...mark.children].flatMap((shape) =>
    shape.tagName === "circle" ? [[+shape.getAttribute("cx"), +shape.getAttribute("cy")]]
      : (shape.getAttribute("points") ?? "").trim().split(/\s+/).filter(Boolean).map((p) => p.split(",").map(Number)));

  for (const mark of marks) {
    mark.addEventListener("pointerenter", (event) => event.buttons || show(new Set([mark.dataset.item])));
    mark.addEventListener("pointerleave", (event) => event.buttons || show(kept));
  }
  for (const svg of new Set(marks.map((mark) => mark.ownerSVGElement))) {
    svg.classList.add("brushed");
    const inside = marks.filter((mark) => mark.ownerSVGElement === svg);
    const place = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [at.x, at.y];
    };
    let from = null, frame = null;
    svg.addEventListener("pointerdown", (event) => {
      from = place(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = place(event), low = [0, 1].map((i) => Math.min(from[i], to[i]));
      const high = [0, 1].map((i) => Math.max(from[i], to[i]));
      if (!frame) {
        frame = document.createElementNS(svg.namespaceURI, "rect");
        frame.setAttribute("fill", "#0072b2");
        frame.setAttribute("fill-opacity", "0.12");
        svg.append(frame);
      }
      [["x", low[0]], ["y", low[1]], ["width", high[0] - low[0]], ["height", high[1] - low[1]]]
        .forEach(([name, value]) => frame.setAttribute(name, value));
      const caught = (p) => [0, 1].every((i) => low[i] <= p[i] && p[i] <= high[i]);
      kept = new Set(inside.filter((mark) => corners(mark).some(caught)).map((mark) => mark.dataset.item));
      show(kept);
    });
    svg.addEventListener("pointerup", () => {
      // A click, or a rectangle around nothing, lets go.
      if (!frame || !kept?.size) kept = null;
      frame?.remove();
      from = frame = null;
      show(kept);
    });
  }
  show(null);
})();
