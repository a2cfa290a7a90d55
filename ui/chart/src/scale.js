// A third objective, which marks show by their colour or their size in a few steps.
import { number } from './text.js';

// SIZES are those of the marks, in pixels. There are as many colours.
const SIZES = [5, 7, 9, 11, 13, 16, 19];
const PITCH = 22; // between two steps in the legend
const BAR = 12; // its height

// HEIGHT is that of the legend.
export const HEIGHT = 36;

// scaleOf is the scale of a third objective over the points that are drawn; null if
// none is shown. Like the axes it is linear or logarithmic.
export function scaleOf({ zBy, zName, zLog }, groups, colour) {
  if (!zBy) return null;
  let low = Infinity;
  let high = -Infinity;
  for (const key of ['dominated', 'predicted', 'infeasible', 'frontier', 'overlay']) {
    for (const { z } of groups[key]) {
      if (z < low) low = z;
      if (z > high) high = z;
    }
  }
  if (low > high) return null;
  const at = zLog ? Math.log : (value) => value;
  const width = at(high) - at(low) || 1;
  return {
    by: zBy,
    name: zName,
    low,
    high,
    steps: colour.scale.map((fill, i) => (zBy === 'colour' ? { fill, size: null } : { fill: null, size: SIZES[i] })),
    // step is that of a value, -1 for one that is not known.
    step: (z) => (Number.isNaN(z) ? -1 : Math.min(Math.floor(((at(z) - at(low)) / width) * SIZES.length), SIZES.length - 1)),
  };
}

// legend draws the scale into the picture, and so into its exports, from the height
// top on.
export function legend(scale, colour, top) {
  const text = (x, y, words, textAlign) => ({ type: 'text', x, y, style: { text: words, fill: colour.text, font: '12px sans-serif', textAlign } });
  const end = scale.steps.length * PITCH;
  const swatch = ({ fill, size }, i) => (size
    ? { type: 'circle', shape: { cx: (i + 0.5) * PITCH, cy: BAR / 2, r: size / 2 }, style: { fill: colour.dominated } }
    : { type: 'rect', shape: { x: i * PITCH, y: 0, width: PITCH, height: BAR }, style: { fill } });
  return {
    id: `scale-${scale.by}`, // whose shapes ECharts would mix with the other's
    type: 'custom',
    coordinateSystem: 'none',
    silent: true,
    z: 20,
    data: [0],
    renderItem: () => ({
      type: 'group',
      x: 16,
      y: top,
      children: [
        ...scale.steps.map(swatch),
        text(0, BAR + 6, number(scale.low, 3), 'left'),
        text(end, BAR + 6, number(scale.high, 3), 'right'),
        text(end + 8, 0, scale.name, 'left'),
      ],
    }),
  };
}
