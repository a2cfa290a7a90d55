// Points cross from WebAssembly as one flat Float32Array, six numbers each:
// trial number, x, y, the ends of x's confidence interval, flags.
const STRIDE = 6;

// Flags, as bits.
const FRONTIER = 1;
const INFEASIBLE = 2;
const OVERLAY = 4;
const SELECTED = 8;
const PREDICTED = 16;

// group sorts points by how they are drawn. Each is in one group; "selected"
// repeats some, and "line" repeats those that the frontier's line joins. What the
// axes cannot show is in none.
export function group(points, { xLog, yLog, frontier }) {
  if (!(points instanceof Float32Array) || points.length % STRIDE !== 0) {
    throw new Error(`points must be a Float32Array of ${STRIDE} numbers each`);
  }
  const groups = { dominated: [], predicted: [], infeasible: [], line: [], frontier: [], overlay: [], selected: [] };
  const byTrial = new Map();
  for (let i = 0; i < points.length; i += STRIDE) {
    const [trial, x, y, xLow, xHigh, flags] = points.subarray(i, i + STRIDE);
    if (!shows(x, xLog) || !shows(y, yLog)) continue;
    const known = shows(xLow, xLog) && shows(xHigh, xLog);
    const point = { trial, x, y, xLow: known ? xLow : x, xHigh: known ? xHigh : x };
    groups[groupOf(flags)].push(point);
    if (flags & SELECTED) groups.selected.push(point);
    byTrial.set(trial, point);
  }
  groups.line = frontier.map((trial) => byTrial.get(trial)).filter(Boolean);
  return groups;
}

function groupOf(flags) {
  if (flags & PREDICTED) return 'predicted';
  if (flags & OVERLAY) return 'overlay';
  if (flags & INFEASIBLE) return 'infeasible';
  return flags & FRONTIER ? 'frontier' : 'dominated';
}

function shows(value, log) {
  return Number.isFinite(value) && (!log || value > 0);
}
