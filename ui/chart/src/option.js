// What ECharts is told to draw.
import { tooltip, number } from './text.js';
import { colours } from './colours.js';

// Each series gets its points as rows of these.
const DIMENSIONS = ['x', 'y', 'trial', 'xLow', 'xHigh'];
export const TRIAL = DIMENSIONS.indexOf('trial');

const CROSS = 'path://M0,1L1,0L5,4L9,0L10,1L6,5L10,9L9,10L5,6L1,10L0,9L4,5Z';

// Groups differ in shape and size, not in colour alone.
const SYMBOLS = {
  frontier: { symbol: 'rect', symbolSize: 10 },
  dominated: { symbol: 'circle', symbolSize: 6 },
  predicted: { symbol: 'rect', symbolSize: 8 },
  infeasible: { symbol: CROSS, symbolSize: 7 },
  overlay: { symbol: 'diamond', symbolSize: 14 },
  selected: { symbol: 'circle', symbolSize: 20 },
};

const NAMES = { trial: 'trial', frontier: 'frontier', dominated: 'dominated', predicted: 'predicted', infeasible: 'infeasible', overlay: 'reference' };

// option is the whole picture; zoom says to begin with all of it in view.
export function option(settings, groups, zoom) {
  const names = { ...NAMES, ...settings.labels };
  const colour = colours(settings.dark);
  return {
    animation: false,
    aria: {
      enabled: true,
      label: { description: `${settings.yName} against ${settings.xName}; ${names.frontier}: ${groups.frontier.length}, ${names.dominated}: ${groups.dominated.length}` },
    },
    color: [colour.frontier],
    grid: { left: 16, right: 24, top: 40, bottom: 16, outerBoundsMode: 'same', outerBoundsContain: 'all' },
    legend: {
      top: 4,
      itemWidth: 14,
      textStyle: { color: colour.text },
      data: ['frontier', 'predicted', 'dominated', 'infeasible', 'overlay'].filter((key) => groups[key].length > 0)
        .map((key) => ({ name: names[key], icon: SYMBOLS[key].symbol, itemStyle: key === 'predicted' ? hollow(colour) : { color: colour[key] } })),
    },
    tooltip: {
      trigger: 'item',
      confine: true,
      backgroundColor: colour.back,
      textStyle: { color: colour.text },
      formatter: (event) => tooltip(event.value, settings, names.trial),
    },
    xAxis: axis(settings.xName, settings.xLog, 28, colour),
    yAxis: axis(settings.yName, settings.yLog, 52, colour),
    // Without 'none' the frontier's line ends with the points that leave the view.
    ...(zoom && { dataZoom: ['xAxisIndex', 'yAxisIndex'].map((index) => ({ type: 'inside', [index]: 0, filterMode: 'none' })) }),
    series: [
      scatter('dominated', groups, names, { itemStyle: { color: colour.dominated, opacity: 0.45 } }),
      scatter('predicted', groups, names, { large: false, itemStyle: hollow(colour) }),
      scatter('infeasible', groups, names, { itemStyle: { color: colour.infeasible } }),
      { ...line(groups.line, colour), name: names.frontier },
      { ...whiskers(groups.frontier, colour), name: names.frontier },
      scatter('frontier', groups, names, { itemStyle: { color: colour.frontier } }),
      scatter('overlay', groups, names, { itemStyle: { color: colour.overlay } }),
      scatter('selected', groups, names, { silent: true, itemStyle: { color: 'transparent', borderColor: colour.text, borderWidth: 2 } }),
    ],
  };
}

// What nobody measured is hollow.
function hollow(colour) {
  return { color: 'transparent', borderColor: colour.frontier, borderWidth: 1 };
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
  points.forEach((point, i) => flat.set(DIMENSIONS.map((name) => point[name]), i * DIMENSIONS.length));
  return flat;
}

function series(id, type, points) {
  return { id, type, dimensions: DIMENSIONS, encode: { x: 'x', y: 'y' }, data: rows(points) };
}

function scatter(key, groups, names, more) {
  return { ...series(key, 'scatter', groups[key]), ...SYMBOLS[key], name: names[key] ?? key, large: true, largeThreshold: 1000, ...more };
}

// The frontier is a staircase: a budget between two points buys the cheaper one.
function line(points, colour) {
  const rising = points.length < 2 || points[0].x <= points.at(-1).x;
  return {
    ...series('line', 'line', points),
    step: rising ? 'end' : 'start',
    symbol: 'none',
    silent: true,
    lineStyle: { color: colour.frontier, width: 1.5 },
  };
}

const CAP = 4; // half the height of a whisker's end, in pixels

function whiskers(points, colour) {
  return {
    ...series('whiskers', 'custom', points),
    encode: { x: ['xLow', 'xHigh'], y: 'y' },
    silent: true,
    clip: true,
    renderItem(_, api) {
      const [left, y] = api.coord([api.value('xLow'), api.value('y')]);
      const [right] = api.coord([api.value('xHigh'), api.value('y')]);
      const stroke = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: colour.frontier, lineWidth: 1.5 } });
      return {
        type: 'group',
        children: [stroke(left, y, right, y), stroke(left, y - CAP, left, y + CAP), stroke(right, y - CAP, right, y + CAP)],
      };
    },
  };
}
