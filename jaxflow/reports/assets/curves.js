// Draws each chart of the page by uPlot in the place of its still figure, in the colours of the scheme.
"use strict";
(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shown = (value) => (value == null ? "\u2013" : String(+value.toPrecision(4)));
  const HEIGHT = 230;

  function mark(data) {
    return (plot) => {
      const { ctx } = plot, { top, height } = plot.bbox;
      for (const place of data.marks) {
        const x = Math.round(plot.valToPos(place.at, "x", true)), right = x < plot.bbox.left + plot.bbox.width / 2;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = colour(`--${place.colour}`);
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
        ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
        ctx.textAlign = right ? "left" : "right";
        if (data.marks.length === 1) ctx.fillText(place.label, x, top - 5 * devicePixelRatio);
        ctx.restore();
      }
    };
  }

  function draw(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const still = box.querySelector(".still");
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const alone = (place) => data.columns[place + 1].filter((value) => value != null).length === 1;
    const series = data.names.map((name, place) => ({
      label: name, stroke: colour(`--${data.colours[name] || name}`) || colour("--text"), width: 2, spanGaps: true,
      points: { show: name !== "train" || alone(place), size: 5 }, value: (_, value) => shown(value),
    }));
    const plot = new uPlot({
      width: box.clientWidth, height: HEIGHT, padding: [20, 10, 0, 0], scales: { x: { time: false } },
      axes: [{ ...axis, label: data.across, labelSize: 20, size: 34 }, { ...axis, label: data.up, labelSize: 20, size: 58 }],
      series: [{ label: data.across, value: (_, value) => shown(value) }, ...series],
      hooks: { draw: [mark(data)] },
    }, data.columns, (made, start) => { start(); still.after(made.root); });
    still.style.display = "none";
    plot.root.setAttribute("role", "group");
    plot.root.setAttribute("aria-label", still.firstElementChild.getAttribute("aria-label"));
    plot.root.querySelectorAll(".u-series:not(:first-child) th").forEach((head) => {
      head.tabIndex = 0;
      head.scope = "row";
      head.setAttribute("role", "button");
      head.title = "show or hide";
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); head.click(); }
      });
    });
    return () => plot.destroy();
  }

  const boxes = [...document.querySelectorAll(".chart")];
  let ends = boxes.map(draw);
  const again = () => { ends.forEach((end) => end()); ends = boxes.map(draw); };
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; again(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
})();
