// Draws every figure of the page. A figure is JSON inside the page; colours in it are
// names of CSS custom properties, looked up here so that charts follow the colour scheme.
(() => {
  "use strict";

  const TOKEN = /^var\((--[\w-]+)\)$/;
  const config = { responsive: true, displayModeBar: false, doubleClick: false, scrollZoom: false };

  const resolve = (value, style) => {
    if (typeof value === "string") {
      const token = TOKEN.exec(value);
      return token ? style.getPropertyValue(token[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => resolve(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, resolve(item, style)]),
      );
    }
    return value;
  };

  const NARROW = 480; // CSS pixels; below it long labels would leave no room for the bars

  const fitted = (figure, width) => {
    const labels = figure.layout.meta?.narrow_ticktext;
    if (labels && width < NARROW) figure.layout.yaxis.ticktext = labels;
    return figure;
  };

  const draw = (holder) => {
    const source = document.getElementById(holder.dataset.figure);
    const style = getComputedStyle(document.documentElement);
    const figure = fitted(resolve(JSON.parse(source.textContent), style), holder.clientWidth);
    figure.layout.font = { ...figure.layout.font, family: style.getPropertyValue("--sans").trim() };
    return window.Plotly.react(holder, figure.data, figure.layout, config).then(() => {
      // One picture with a name for screen readers; its numbers stand in the table beside it.
      holder.setAttribute("role", "img");
      holder.setAttribute("aria-label", holder.dataset.label);
      holder.dataset.drawn = "true";
    });
  };

  const drawAll = () => document.querySelectorAll("[data-figure]").forEach(draw);

  drawAll();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
