// Points cross from WebAssembly as one flat Float32Array, seven numbers each:
// trial number, x, y, the ends of x's confidence interval, flags, and the third
// objective, which is negative if it is not shown or not known.
const STRIDE = 7;

// Flags, as bits.
const FRONTIER = 1;
const INFEASIBLE = 2;
const OVERLAY = 4;
const SELECTED = 8;
const PREDICTED = 16;

// group sorts points by how they are drawn. Each is in one group; "selected"
// repeats some, and "line" repeats those that the frontier's line joins. What the
// axes cannot show is in none. "others" are the frontiers of other studies.
export function group(points, { xLog, yLog, zLog, frontier, others }) {
  if (!(points instanceof Float32Array) || points.length % STRIDE !== 0) {
    throw new Error(`points must be a Float32Array of ${STRIDE} numbers each`);
  }
  const groups = { dominated: [], predicted: [], infeasible: [], line: [], frontier: [], overlay: [], selected: [], others: [] };
  const byTrial = new Map();
  for (let i = 0; i < points.length; i += STRIDE) {
    const x = points[i + 1];
    const y = points[i + 2];
    if (!shows(x, xLog) || !shows(y, yLog)) continue;
    const known = shows(points[i + 3], xLog) && shows(points[i + 4], xLog);
    const z = points[i + 6] >= 0 && shows(points[i + 6], zLog) ? points[i + 6] : NaN;
    const point = { trial: points[i], x, y, xLow: known ? points[i + 3] : x, xHigh: known ? points[i + 4] : x, z };
    const flags = points[i + 5];
    groups[groupOf(flags)].push(point);
    if (flags & SELECTED) groups.selected.push(point);
    byTrial.set(point.trial, point);
  }
  groups.line = frontier.map((trial) => byTrial.get(trial)).filter(Boolean);
  groups.others = others.map((other) => {
    const all = other.points.map(([trial, x, y]) => (shows(x, xLog) && shows(y, yLog) ? { trial, x, y, xLow: x, xHigh: x, z: NaN } : null));
    return { name: other.name, slot: other.slot, points: all.filter(Boolean), line: other.line.map((i) => all[i]).filter(Boolean) };
  });
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
