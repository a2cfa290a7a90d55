// Texts of the chart, in plain characters: nothing here becomes markup.

// number writes value with some significant digits, and millions as 1.5M.
export function number(value, digits) {
  const notation = Math.abs(value) >= 1e5 ? 'compact' : 'standard';
  return new Intl.NumberFormat('en', { notation, maximumSignificantDigits: digits }).format(value);
}

// tooltip is an element that tells one point, a row of option.js, and shows its sketch,
// if there is one.
export function tooltip([x, y, trial, xLow, xHigh, z], { xName, yName, zName }, trialName, sketch) {
  const element = document.createElement('div');
  const interval = xLow < xHigh ? ` (${number(xLow, 4)}–${number(xHigh, 4)})` : '';
  const lines = [trial < 0 ? 'predicted, not measured' : `${trialName} ${trial}`, `${xName}: ${number(x, 4)}${interval}`, `${yName}: ${number(y, 4)}`];
  if (Number.isFinite(z)) lines.push(`${zName}: ${number(z, 4)}`);
  element.append(...lines.map((line) => {
    const paragraph = document.createElement('div');
    paragraph.textContent = line;
    return paragraph;
  }));
  if (sketch) element.append(drawing(sketch));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

function drawing({ box, label, paths }) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'drawing');
  svg.setAttribute('viewBox', box);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  svg.append(...Object.entries(paths).map(([name, d]) => {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', name);
    path.setAttribute('d', d);
    return path;
  }));
  return svg;
}
