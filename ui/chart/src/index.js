// The chart of a study: one point per trial, cost against quality. Its exports
// are the global litefrontChart:
//
//   create(element) -> handle      a chart that fills element and follows its size
//   update(handle, json, points)   show these points instead
//   onClick(handle, f)             call f(trial number) for each point clicked that is
//                                  not another study's; predicted ones have negative numbers
//   onHover(handle, f)             show in the tooltips of such points what f(trial number)
//                                  returns: {box, label, paths}, the view box of a drawing,
//                                  what it shows, and its paths by their classes; or null
//   resize(handle)                 fit the element now
//   data(handle) -> object         what is drawn, by group: {trial, x, y, xLow, xHigh, z} each
//   png(handle) -> string          a picture of it, as a data URL, twice as large
//   svg(handle) -> string          the text of an SVG file of it, as large
//   locate(handle, trial) -> [x, y]  where a trial's point is in the window, in CSS pixels
//   dispose(handle)
//
// json is the text of
//
//   {xName, yName,     what the axes show, with units; smaller x is better
//    xLog, yLog,       whether they are logarithmic
//    dark,             whether the page is
//    zName, zBy, zLog, a third objective, what shows it ("colour" or "size"), and whether
//                      its scale is logarithmic
//    frontier,         trial numbers in the order in which a line joins them
//    others,           frontiers of other studies: {name, slot from 0 to 3, points,
//                      line} each; points are [trial, x, y], line has their indices
//    labels}           names of the groups, and of "trial", where not in English
//
// and points is a Float32Array, see points.js. Anything may be left out of json.
import { use, init } from 'echarts/core';
import { CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import { AriaComponent, DataZoomInsideComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';
import { colours } from './colours.js';
import { option, isOther, TRIAL } from './option.js';
import { group } from './points.js';

use([
  CustomChart, LineChart, ScatterChart,
  AriaComponent, DataZoomInsideComponent, GridComponent, LegendComponent, TooltipComponent,
  CanvasRenderer, SVGRenderer,
]);

// Milliseconds from one drawing to the next: a search reports more often than anyone
// can see.
const PAUSE = 200;

const charts = new Map();
let handles = 0;

function chart(handle) {
  const found = charts.get(handle);
  if (!found) throw new Error(`there is no chart ${handle}`);
  return found;
}

export function create(element) {
  const echart = init(element);
  const c = { echart, observer: null, drawn: -PAUSE, timer: 0, waiting: null, axes: '', sketch: () => null, settings: {}, groups: {} };
  c.observer = new ResizeObserver(() => {
    echart.resize();
    if (c.waiting) plan(c); // its legend may take other rows
  });
  c.observer.observe(element);
  charts.set(++handles, c);
  return handles;
}

export function update(handle, json, points) {
  const c = chart(handle);
  const settings = { xName: '', yName: '', frontier: [], others: [], labels: {}, ...JSON.parse(json) };
  c.waiting = { settings, groups: group(points, settings) };
  plan(c);
}

function plan(c) {
  if (!c.timer) c.timer = setTimeout(draw, Math.max(0, c.drawn + PAUSE - performance.now()), c);
}

function draw(c) {
  const { settings, groups } = c.waiting;
  c.timer = 0;
  c.groups = groups;
  c.settings = settings;
  // Other axes begin unzoomed; new points leave the view where it is.
  const axes = [settings.xName, settings.yName, settings.xLog, settings.yLog].join('\n');
  c.echart.setOption(option(settings, groups, axes !== c.axes, c.echart.getWidth(), (trial) => c.sketch(trial)), { notMerge: axes !== c.axes, replaceMerge: ['series'] });
  c.axes = axes;
  c.drawn = performance.now(); // so that what is slow to draw is drawn less often
}

export function onClick(handle, f) {
  const { echart } = chart(handle);
  echart.off('click');
  echart.on('click', (event) => {
    if (!isOther(event)) f(event.value[TRIAL]);
  });
}

export function onHover(handle, f) {
  chart(handle).sketch = f;
}

export function resize(handle) {
  chart(handle).echart.resize();
}

export function data(handle) {
  return chart(handle).groups;
}

export function png(handle) {
  const { echart, settings } = chart(handle);
  return echart.getDataURL({ type: 'png', pixelRatio: 2, backgroundColor: colours(settings.dark).back });
}

// svg draws once more what is in view, beside the page: the chart itself is on a canvas.
export function svg(handle) {
  const { echart, settings, groups } = chart(handle);
  const picture = init(null, null, { renderer: 'svg', ssr: true, width: echart.getWidth(), height: echart.getHeight() });
  try {
    const whole = option(settings, groups, true, echart.getWidth());
    picture.setOption({
      ...whole,
      backgroundColor: colours(settings.dark).back,
      series: whole.series.map((series) => ({ ...series, large: false })), // which only a canvas draws
      dataZoom: echart.getOption().dataZoom.map(({ start, end }, i) => ({ ...whole.dataZoom[i], start, end })),
    });
    return picture.renderToSVGString();
  } finally {
    picture.dispose();
  }
}

export function locate(handle, trial) {
  const { echart, groups } = chart(handle);
  const point = Object.values(groups).flat().find((p) => p.trial === trial);
  if (!point) return null;
  const [left, top] = echart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [point.x, point.y]);
  const box = echart.getDom().getBoundingClientRect();
  return [box.left + left, box.top + top];
}

export function dispose(handle) {
  const c = chart(handle);
  clearTimeout(c.timer);
  c.observer.disconnect();
  c.echart.dispose();
  charts.delete(handle);
}
