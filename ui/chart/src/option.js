// What ECharts is told to draw.
import { tooltip, number } from './text.js';
import { colours } from './colours.js';
import { scaleOf, legend, HEIGHT } from './scale.js';

// Each series gets its points as rows of these.
const DIMENSIONS = ['x', 'y', 'trial', 'xLow', 'xHigh', 'z'];
export const TRIAL = DIMENSIONS.indexOf('trial');

const CROSS = 'path://M0,1L1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5Z';

// Groups differ in shape and size, not in colour alone. Later ones lie above.
const SYMBOLS = {
  dominated: { symbol: 'circle', symbolSize: 6, z: 2 },
  predicted: { symbol: 'rect', symbolSize: 8, z: 3 },
  infeasible: { symbol: CROSS, symbolSize: 7, z: 4 },
  frontier: { symbol: 'rect', symbolSize: 10, z: 8 },
  overlay: { symbol: 'diamond', symbolSize: 14, z: 9 },
  selected: { symbol: 'circle', symbolSize: 20, z: 10 },
};

// So do the frontiers of other studies, in the shape of their marks and the dashes of
// their lines: those of style.css.
const OTHERS = [
  { symbol: 'path://M0,10L10,10L5,0Z', dash: [6, 3] },
  { symbol: 'path://M0,0L10,0L5,10Z', dash: [2, 3] },
  { symbol: 'path://M10,0L10,10L0,5Z', dash: [9, 3, 2, 3] },
  { symbol: 'path://M0,0L0,10L10,5Z', dash: [12, 4] },
];

const NAMES = { trial: 'trial', frontier: 'frontier', dominated: 'dominated', predicted: 'predicted', infeasible: 'infeasible', overlay: 'reference' };

const LEGEND_TOP = 4;
const LEGEND_ROW = 22;

// option is the whole picture, width pixels wide; zoom says to begin with all of it in
// view. sketch gives what index.js calls so.
export function option(settings, groups, zoom, width, sketch) {
  const names = { ...NAMES, ...settings.labels };
  const colour = colours(settings.dark);
  const scale = scaleOf(settings, groups, colour);
  const coloured = scale?.by === 'colour';
  const entries = ['frontier', 'predicted', 'dominated', 'infeasible', 'overlay'].filter((key) => groups[key].length > 0)
    .map((key) => ({ name: names[key], icon: SYMBOLS[key].symbol, itemStyle: look(key, coloured ? colour.text : colour[key]) }))
    .concat(groups.others.map(({ name, slot }) => ({ name, icon: OTHERS[slot].symbol, itemStyle: { color: colour.others[slot] } })));
  const below = LEGEND_TOP + LEGEND_ROW * rowsOf(entries, width);
  return {
    animation: false,
    aria: { enabled: true, label: { description: describe(settings, groups, names, scale) } },
    color: [colour.frontier],
    grid: { left: 16, right: 24, top: below + 16 + (scale ? HEIGHT : 0), bottom: 16, outerBoundsMode: 'same', outerBoundsContain: 'all' },
    legend: { top: LEGEND_TOP, itemWidth: 14, textStyle: { color: colour.text }, data: entries },
    tooltip: {
      trigger: 'item',
      confine: true,
      backgroundColor: colour.back,
      textStyle: { color: colour.text },
      formatter: (event) => (isOther(event)
        ? tooltip(event.value, settings, `${event.seriesName}, ${names.trial}`)
        : tooltip(event.value, settings, names.trial, sketch(event.value[TRIAL]))),
    },
    xAxis: axis(settings.xName, settings.xLog, 28, colour),
    yAxis: axis(settings.yName, settings.yLog, 52, colour),
    // Without 'none' the frontier's line ends with the points that leave the view.
    ...(zoom && { dataZoom: ['xAxisIndex', 'yAxisIndex'].map((index) => ({ type: 'inside', [index]: 0, filterMode: 'none' })) }),
    series: [
      ...marks('dominated', groups, names, colour, scale),
      ...marks('predicted', groups, names, colour, scale),
      ...marks('infeasible', groups, names, colour, scale),
      ...groups.others.flatMap((other) => otherSeries(other, colour)),
      { ...line('line', groups.line, { color: colour.frontier, width: 1.5 }), name: names.frontier, z: 6 },
      { ...whiskers(groups.frontier, colour), name: names.frontier, z: 7 },
      ...marks('frontier', groups, names, colour, scale),
      ...marks('overlay', groups, names, colour, scale),
      { ...scatter('selected', 'selected', groups.selected), name: 'selected', silent: true, itemStyle: { color: 'transparent', borderColor: colour.text, borderWidth: 2 } },
      ...(scale ? [legend(scale, colour, below + 8)] : []),
    ],
  };
}

// isOther reports whether an event is of another study's frontier.
export function isOther({ seriesId }) {
  return /^other/.test(seriesId);
}

function describe(settings, groups, names, scale) {
  const third = scale ? ` The ${scale.by} of marks shows ${scale.name}, from ${number(scale.low, 3)} to ${number(scale.high, 3)}.` : '';
  const others = groups.others.map(({ name, points }) => `; ${name}: ${points.length}`).join('');
  return `${settings.yName} against ${settings.xName}; ${names.frontier}: ${groups.frontier.length}, ${names.dominated}: ${groups.dominated.length}${others}.${third}`;
}

// rowsOf says how many rows the legend will take, by about the width of its letters.
function rowsOf(entries, width) {
  let rows = 1;
  let x = 10;
  for (const { name } of entries) {
    const size = 27 + 7 * name.length;
    if (x + size > width) {
      rows++;
      x = 10;
    }
    x += size;
  }
  return rows;
}

// look is the style of a group's marks. What nobody measured is hollow.
function look(key, fill) {
  return key === 'predicted' ? { color: 'transparent', borderColor: fill, borderWidth: 1 } : { color: fill };
}

function axis(name, log, gap, colour) {
  return {
    type: log ? 'log' : 'value',
    scale: true,
    name,
    nameLocation: 'middle',
    nameGap: gap,
    nameTextStyle: { color: colour.text },
    axisLabel: { color: colour.text, hideOverlap: true, formatter: (value) => number(value, 3) },
    axisLine: { show: true, lineStyle: { color: colour.text } },
    splitLine: { lineStyle: { color: colour.grid } },
  };
}

function rows(points) {
  const flat = new Float32Array(points.length * DIMENSIONS.length);
  let at = 0;
  for (const point of points) for (const name of DIMENSIONS) flat[at++] = point[name];
  return flat;
}

function series(id, type, points) {
  return { id, type, dimensions: DIMENSIONS, encode: { x: 'x', y: 'y' }, data: rows(points) };
}

function scatter(id, key, points) {
  return { ...series(id, 'scatter', points), ...SYMBOLS[key] };
}

// marks are the marks of a group, one series for each step of a third objective: then
// all marks of a series look alike, and however many there are, they are drawn at once.
function marks(key, groups, names, colour, scale) {
  const drawn = (id, points, { fill, size } = {}) => ({
    ...scatter(id, key, points),
    name: names[key],
    large: key !== 'predicted', // which draws no borders
    largeThreshold: 400,
    itemStyle: { ...look(key, fill ?? colour[key]), ...(key === 'dominated' && !fill && { opacity: 0.45 }) },
    ...(size && { symbolSize: size }),
  });
  if (!scale) return [drawn(key, groups[key])];
  const steps = scale.steps.map(() => []);
  const unknown = [];
  for (const point of groups[key]) (steps[scale.step(point.z)] ?? unknown).push(point);
  return [drawn(key, unknown), ...steps.map((points, i) => drawn(`${key}${i}`, points, scale.steps[i]))].filter(({ data }) => data.length > 0);
}

// otherSeries draw the frontier of another study.
function otherSeries({ name, slot, points, line: joined }, colour) {
  const { symbol, dash } = OTHERS[slot];
  const color = colour.others[slot];
  return [
    { ...line(`other-line${slot}`, joined, { color, width: 1.5, type: dash }), name, z: 5 },
    { ...series(`other${slot}`, 'scatter', points), name, symbol, symbolSize: 9, z: 5, itemStyle: { color } },
  ];
}

// The frontier is a staircase: a budget between two points buys the cheaper one.
function line(id, points, lineStyle) {
  const rising = points.length < 2 || points[0].x <= points.at(-1).x;
  return {
    ...series(id, 'line', points),
    step: rising ? 'end' : 'start',
    symbol: 'none',
    silent: true,
    lineStyle,
  };
}

const CAP = 4; // half the height of a whisker's end, in pixels

// whiskers are a single path: an element for each of many points would take its time
// in every drawing. The axes hear of it by its extremes.
function whiskers(points, colour) {
  const extremes = points.length === 0 ? [] : [{
    ...points[0],
    xLow: points.reduce((low, point) => Math.min(low, point.xLow), Infinity),
    xHigh: points.reduce((high, point) => Math.max(high, point.xHigh), -Infinity),
  }];
  return {
    ...series('whiskers', 'custom', extremes),
    encode: { x: ['xLow', 'xHigh'], y: 'y' },
    silent: true,
    clip: true,
    renderItem: (_, api) => ({ type: 'path', shape: { pathData: points.map((point) => whisker(point, api)).join('') }, style: { stroke: colour.frontier, lineWidth: 1.5, fill: 'none' } }),
  };
}

function whisker({ xLow, xHigh, y }, api) {
  const [left, middle] = api.coord([xLow, y]);
  const [right] = api.coord([xHigh, y]);
  const cap = (x) => `M${x} ${middle - CAP}V${middle + CAP}`;
  return `${cap(left)}${cap(right)}M${left} ${middle}H${right}`;
}
