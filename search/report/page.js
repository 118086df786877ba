"use strict";
// Draws the figures in the page's colours; redraws them when it switches between dark and light.
const figures = JSON.parse(document.getElementById("figures").textContent);
const options = { displayModeBar: false, responsive: true };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ink: of("--ink"), quiet: of("--quiet"), line: of("--line"), card: of("--card") };
}

function dressed(layout, width) {
  const { ink, quiet, line, card } = colours();
  const copy = structuredClone(layout);
  copy.font = { ...copy.font, color: quiet, size: 12, family: "inherit" };
  copy.hoverlabel = { bgcolor: card, bordercolor: line, font: { color: ink } };
  copy.legend = { ...copy.legend, font: { color: ink } };
  copy.annotations = (copy.annotations ?? []).map((note) => ({ ...note, font: { color: ink, size: 11 }, bgcolor: card, opacity: 0.9, borderpad: 1 }));
  if (copy.scene) { // three objectives
    const far = Math.max(1, 480 / width), { eye } = copy.scene.camera; // move away, or a narrow screen cuts it off
    copy.scene.camera.eye = { x: far * eye.x, y: far * eye.y, z: far * eye.z };
    const font = { size: 12, family: "sans-serif", color: quiet }; // a canvas inherits no font
    const axis = { tickfont: font, gridcolor: line, zerolinecolor: line, linecolor: line, showbackground: false };
    for (const key of ["xaxis", "yaxis", "zaxis"]) {
      const old = copy.scene[key];
      copy.scene[key] = { ...old, ...axis, title: { ...old.title, font } };
    }
    return copy;
  }
  for (const key of ["xaxis", "yaxis", ...Object.keys(copy)].filter((k) => /^[xy]axis\d*$/.test(k))) {
    const axis = copy[key] ?? {};
    const title = axis.title ? { ...axis.title, font: { size: 12 } } : undefined;
    copy[key] = { ...axis, title, gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line };
  }
  return copy;
}

function draw() {
  for (const [id, figure] of Object.entries(figures)) {
    if (document.getElementById(id).closest("[hidden]")) continue;
    Plotly.react(id, figure.data, dressed(figure.layout, document.getElementById(id).clientWidth), options);
  }
  document.body.dataset.drawn = "yes";
}

// A switch shows one of several plots of the same thing; a hidden one is drawn once it has a width.
for (const choice of document.querySelectorAll(".switch input")) {
  choice.addEventListener("change", () => {
    for (const each of document.querySelectorAll(`.switch input[name="${choice.name}"]`)) {
      document.getElementById(each.value).hidden = !each.checked;
    }
    draw();
  });
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
